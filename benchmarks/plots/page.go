package main

import (
	"bytes"
	"image/color"
	"math"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// The colours can be told apart by readers who see no difference between red and green.
var (
	ink     = color.NRGBA{0x22, 0x22, 0x22, 0xff}
	pale    = color.NRGBA{0x66, 0x66, 0x66, 0xff}
	rule    = color.NRGBA{0xdd, 0xdd, 0xdd, 0xff}
	blue    = color.NRGBA{0x00, 0x72, 0xb2, 0xff}
	orange  = color.NRGBA{0xd5, 0x5e, 0x00, 0xff}
	green   = color.NRGBA{0x00, 0x9e, 0x73, 0xff}
	purple  = color.NRGBA{0xcc, 0x79, 0xa7, 0xff}
	better  = color.NRGBA{0xea, 0xf3, 0xf9, 0xff}
	palette = []color.NRGBA{blue, orange, green, purple}
	glyphs  = []draw.GlyphDrawer{
		draw.CircleGlyph{}, draw.BoxGlyph{}, draw.PyramidGlyph{}, draw.RingGlyph{},
	}
)

func init() { plot.DefaultFont = font.Font{Typeface: "Liberation", Variant: "Sans"} }

// style returns a style for text of a size in points.
func style(size float64, c color.Color, x text.XAlignment, y text.YAlignment) text.Style {
	return text.Style{
		Color: c, Handler: plot.DefaultTextHandler,
		Font:   font.From(plot.DefaultFont, vg.Length(size)),
		XAlign: x, YAlign: y,
	}
}

// Alignments for style: where the text's point is.
const (
	left, centre, right = text.XLeft, text.XCenter, text.XRight
	bottom, middle, top = text.YBottom, text.YCenter, text.YTop
)

// A mark is a glyph of a legend and what it means.
type mark struct {
	name  string
	shape draw.GlyphStyle
}

func glyph(i int) draw.GlyphStyle {
	return draw.GlyphStyle{Color: palette[i%len(palette)], Radius: 3, Shape: glyphs[i%len(glyphs)]}
}

// A page is a picture with its title, a line that says what is shown, a legend, and a note at the
// foot. Empty parts take no room.
type page struct {
	width, height vg.Length
	title, about  string
	legend        []mark
	note          string
}

// svg draws the page. body draws what is between the legend and the note.
func (p page) svg(body func(c draw.Canvas)) ([]byte, error) {
	out := vgsvg.NewWith(vgsvg.UseWH(p.width, p.height))
	c := draw.New(out)
	c.SetColor(color.White)
	c.Fill(c.Rectangle.Path())
	const margin = 10
	c = draw.Crop(c, margin, -margin, margin, -margin)
	y := c.Max.Y
	line := func(size float64, col color.Color, s string) {
		if s == "" {
			return
		}
		c.FillText(style(size, col, left, top), vg.Point{X: c.Min.X, Y: y}, s)
		y -= vg.Length(size) * 1.5
	}
	line(14, ink, p.title)
	line(9, pale, p.about)
	if len(p.legend) > 0 {
		x, sty := c.Min.X+4, style(9, ink, left, middle)
		y -= 7
		for _, m := range p.legend {
			c.DrawGlyph(m.shape, vg.Point{X: x, Y: y - 1})
			c.FillText(sty, vg.Point{X: x + 8, Y: y}, m.name)
			x += 8 + sty.Width(m.name) + 16
		}
		y -= 12
	}
	foot := c.Min.Y
	if p.note != "" {
		c.FillText(style(7, pale, left, bottom), vg.Point{X: c.Min.X, Y: foot}, p.note)
		foot += 14
	}
	body(draw.Crop(c, 0, 0, foot-c.Min.Y, y-c.Max.Y))
	var b bytes.Buffer
	if _, err := out.WriteTo(&b); err != nil {
		return nil, err
	}
	// A browser without the font should take another one without serifs.
	return bytes.ReplaceAll(b.Bytes(), []byte("font-family:Liberation Sans;"),
		[]byte("font-family:'Liberation Sans',Arial,Helvetica,sans-serif;")), nil
}

// newPlot returns a plot in the style of all pictures.
func newPlot() *plot.Plot {
	p := plot.New()
	p.BackgroundColor = color.Transparent
	p.Title.TextStyle = style(10, ink, centre, top)
	p.Title.Padding = 6
	for _, a := range []*plot.Axis{&p.X, &p.Y} {
		a.Label.TextStyle.Font.Size, a.Label.TextStyle.Color = 9, ink
		a.Tick.Label.Font.Size, a.Tick.Label.Color = 8, ink
		a.LineStyle.Width, a.LineStyle.Color = 0.5, pale
		a.Tick.LineStyle.Width, a.Tick.LineStyle.Color = 0.5, pale
		a.Padding = 0
	}
	return p
}

// steps are the ticks of a logarithmic axis from low to high: 1, 2 and 5 times each power of ten,
// or only the powers if there would be too many.
func steps(low, high float64) plot.ConstantTicks {
	var ts plot.ConstantTicks
	wide := high/low > 2000
	for e := math.Floor(math.Log10(low)); e <= math.Ceil(math.Log10(high)); e++ {
		for _, m := range []float64{1, 2, 5} {
			v := m * math.Pow(10, e)
			if v < low*0.999 || v > high*1.001 {
				continue
			}
			label := short(v)
			if wide && m != 1 {
				label = ""
			}
			ts = append(ts, plot.Tick{Value: v, Label: label})
		}
	}
	return ts
}

// even are the ticks of a linear axis from 0 to high.
func even(high float64) plot.ConstantTicks {
	unit := math.Pow(10, math.Floor(math.Log10(high)))
	for _, share := range []float64{0.1, 0.2, 0.5, 1} {
		if high/(unit*share) <= 8 {
			unit *= share
			break
		}
	}
	var ts plot.ConstantTicks
	for i := 0; float64(i)*unit <= high; i++ {
		ts = append(ts, plot.Tick{Value: float64(i) * unit, Label: short(float64(i) * unit)})
	}
	return ts
}

// short formats a number of an axis: 0.05, 20, 10k, 1M.
func short(v float64) string {
	suffix := ""
	switch {
	case v >= 0.999e6:
		v, suffix = v/1e6, "M"
	case v >= 0.999e4:
		v, suffix = v/1e3, "k"
	}
	v, _ = strconv.ParseFloat(strconv.FormatFloat(v, 'g', 3, 64), 64) // it is a number: no error
	return strconv.FormatFloat(v, 'f', -1, 64) + suffix
}
