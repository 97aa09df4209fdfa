package main

import (
	"fmt"
	"image/color"
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// A dotChart has a line for each title, with a dot for the median and a bar for the quartiles, one
// of each for each number of workers. Its axis is logarithmic.
type dotChart struct {
	title, about, note string
	rows               []dotRow
}

type dotRow struct {
	title string
	dots  map[int]spread // by workers
}

func (c *dotChart) add(title string, workers int, s spread) {
	i := slices.IndexFunc(c.rows, func(r dotRow) bool { return r.title == title })
	if i < 0 {
		i = len(c.rows)
		c.rows = append(c.rows, dotRow{title, map[int]spread{}})
	}
	c.rows[i].dots[workers] = s
}

func (c *dotChart) svg() ([]byte, error) {
	var workers []int
	for _, r := range c.rows {
		for w := range r.dots {
			if !slices.Contains(workers, w) {
				workers = append(workers, w)
			}
		}
	}
	slices.Sort(workers)
	d := &dots{c.rows, workers}
	p := newPlot()
	_, _, low, high := d.DataRange()
	p.X.Min, p.X.Max, _, _ = d.DataRange()
	p.Y.Min, p.Y.Max = low, high
	p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, steps(p.X.Min, p.X.Max)
	var names plot.ConstantTicks
	for i, r := range c.rows {
		names = append(names, plot.Tick{Value: d.y(i), Label: r.title})
	}
	p.Y.Tick.Marker = names
	p.Y.Tick.Length = 0
	p.Y.LineStyle.Width = 0
	p.Y.Tick.Label.Font.Size = 8
	p.Add(d)
	pg := page{
		width: 720, height: vg.Length(96 + 15*len(c.rows)), title: c.title, about: c.about,
		note: c.note,
	}
	for i, w := range workers {
		unit := "workers"
		if w == 1 {
			unit = "worker"
		}
		pg.legend = append(pg.legend, mark{fmt.Sprintf("%d %s", w, unit), glyph(i)})
	}
	return pg.svg(p.Draw)
}

// dots plots the rows. It is a plot.Plotter and a plot.DataRanger.
type dots struct {
	rows    []dotRow
	workers []int
}

func (d *dots) y(i int) float64 { return float64(len(d.rows) - 1 - i) }

func (d *dots) DataRange() (xmin, xmax, ymin, ymax float64) {
	xmin, xmax = 0.5, 2
	for _, r := range d.rows {
		for _, s := range r.dots {
			xmin, xmax = min(xmin, s.low), max(xmax, s.high)
		}
	}
	return xmin * 0.9, xmax * 1.1, -0.7, float64(len(d.rows)) - 0.3
}

func (d *dots) Plot(c draw.Canvas, p *plot.Plot) {
	tx, ty := p.Transforms(&c)
	area := vg.Rectangle{Min: vg.Point{X: c.Min.X, Y: c.Min.Y}, Max: vg.Point{X: tx(1), Y: c.Max.Y}}
	c.SetColor(better)
	c.Fill(area.Path())
	for _, t := range p.X.Tick.Marker.Ticks(p.X.Min, p.X.Max) {
		if t.Label != "" {
			c.StrokeLine2(
				draw.LineStyle{Color: rule, Width: 0.4}, tx(t.Value), c.Min.Y, tx(t.Value), c.Max.Y,
			)
		}
	}
	for i := range d.rows {
		c.StrokeLine2(
			draw.LineStyle{Color: rule, Width: 0.4}, c.Min.X, ty(d.y(i)), c.Max.X, ty(d.y(i)),
		)
	}
	c.StrokeLine2(draw.LineStyle{Color: ink, Width: 0.8}, tx(1), c.Min.Y, tx(1), c.Max.Y)
	for i, r := range d.rows {
		for k, w := range d.workers {
			s, ok := r.dots[w]
			if !ok {
				continue
			}
			y := ty(d.y(i) + 0.17*float64(len(d.workers)-1-2*k))
			g := glyph(k)
			bar := color.NRGBAModel.Convert(g.Color).(color.NRGBA)
			bar.A = 0x70
			c.StrokeLine2(draw.LineStyle{Color: bar, Width: 3}, tx(s.low), y, tx(s.high), y)
			g.Radius = 2.6
			c.DrawGlyph(g, vg.Point{X: tx(s.mid), Y: y})
		}
	}
}

// A fieldChart has a row for each scenario, a column for each library, and in each field a number
// and a colour.
type fieldChart struct {
	title, about, note string
	columns            []string
	rows               []fieldRow
}

type fieldRow struct {
	title  string
	fields map[string]float64 // by column
}

func (f *fieldChart) svg() ([]byte, error) {
	const titles, field, high, head = 190, 52, 20, 20
	names := style(8, ink, right, middle)
	heads := style(8, ink, centre, bottom)
	pg := page{
		width:  vg.Length(titles + field*len(f.columns) + 20),
		height: vg.Length(70 + head + high*len(f.rows)),
		title:  f.title, about: f.about, note: f.note,
	}
	return pg.svg(func(c draw.Canvas) {
		x := func(i int) vg.Length { return c.Min.X + titles + vg.Length(field*i) }
		y := c.Max.Y - head
		for i, name := range f.columns {
			c.FillText(heads, vg.Point{X: x(i) + field/2, Y: y + 4}, name)
		}
		for _, r := range f.rows {
			c.FillText(names, vg.Point{X: x(0) - 8, Y: y - high/2}, r.title)
			for i, name := range f.columns {
				v, ok := r.fields[name]
				if !ok {
					continue
				}
				box := vg.Rectangle{
					Min: vg.Point{X: x(i) + 1, Y: y - high + 1},
					Max: vg.Point{X: x(i) + field - 1, Y: y - 1},
				}
				back, front := shade(v)
				c.SetColor(back)
				c.Fill(box.Path())
				c.FillText(
					style(8, front, centre, middle), vg.Point{X: x(i) + field/2, Y: y - high/2},
					ratio(v),
				)
			}
			y -= high
		}
	})
}

// shade returns the colours of a field and of its text. The colour is full at a factor of ten.
func shade(v float64) (back, front color.NRGBA) {
	full := blue
	if v < 1 {
		full = orange
	}
	share := min(1, math.Abs(math.Log10(v)))
	mix := func(c uint8) uint8 { return uint8(255 - (255-float64(c))*share) }
	front = ink
	if share > 0.6 {
		front = color.NRGBA{0xff, 0xff, 0xff, 0xff}
	}
	return color.NRGBA{mix(full.R), mix(full.G), mix(full.B), 0xff}, front
}

// ratio formats a ratio with two digits.
func ratio(v float64) string {
	if v >= 9.95 {
		return fmt.Sprintf("%.0f", v)
	}
	if v >= 0.995 {
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2g", v)
}
