package docs

import (
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	fence = regexp.MustCompile("(?ms)^```.*?^```$")
	link  = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	head  = regexp.MustCompile(`(?m)^#+ (.+)$`)
	noID  = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// TestLinks checks that links to files lead to a file, and links to headings to a heading. It does
// not follow links to other sites.
func TestLinks(t *testing.T) {
	for _, file := range sources(t, ".md") {
		text := fence.ReplaceAllString(read(t, file), "")
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			u, err := url.Parse(m[1])
			require.NoError(t, err, "%s: %s", file, m[1])
			if u.IsAbs() {
				continue
			}
			to := file
			if u.Path != "" {
				to = path.Join(path.Dir(file), u.Path)
			}
			if _, err := os.Stat(filepath.Join(top, filepath.FromSlash(to))); err != nil {
				t.Errorf("%s: the link %s leads nowhere", file, m[1])
				continue
			}
			if u.Fragment != "" && !anchors(read(t, to))[u.Fragment] {
				t.Errorf("%s: the link %s leads to no heading", file, m[1])
			}
		}
	}
}

// anchors returns the names by which links refer to a document's headings.
func anchors(text string) map[string]bool {
	ids := map[string]bool{}
	for _, m := range head.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
		id := noID.ReplaceAllString(strings.ToLower(m[1]), "")
		ids[strings.ReplaceAll(id, " ", "-")] = true
	}
	return ids
}

func TestAnchors(t *testing.T) {
	require.True(t, anchors("# F1: locks, and more\n")["f1-locks-and-more"])
	require.False(t, anchors("```\n# not a heading\n```\n")["not-a-heading"])
}

// sections matches the references of comments to a section of ARCHITECTURE.md by its title.
var sections = regexp.MustCompile(`ARCHITECTURE\.md,\s*(?://\s*)?"([^"]+)"`)

func TestSectionsNamedInCode(t *testing.T) {
	have := anchors(read(t, "ARCHITECTURE.md"))
	n := 0
	for _, file := range sources(t, ".go") {
		for _, m := range sections.FindAllStringSubmatch(read(t, file), -1) {
			n++
			title := strings.Join(strings.Fields(strings.ReplaceAll(m[1], "//", " ")), " ")
			id := strings.ReplaceAll(noID.ReplaceAllString(strings.ToLower(title), ""), " ", "-")
			if !have[id] {
				t.Errorf("%s refers to ARCHITECTURE.md, %q, which has no such heading", file, title)
			}
		}
	}
	require.Positive(t, n, "no file refers to ARCHITECTURE.md")
}
