package docs

import (
	"go/parser"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	// A step carries the name of its protocol, as Park-S2 does. stepName also finds a step without
	// a name.
	stepName = regexp.MustCompile(`(?:^|[^\w=-])((?:[A-Z][a-z]+-)?[A-Z][0-9][a-z]?)\b`)
	// An argument lists its steps in a table or a list. There a step begins a cell or an item.
	stepDefined = regexp.MustCompile(`(?:^\t+| {2,}|^\| | \| |^- \*\*)([A-Z][a-z]+-[A-Z][0-9][a-z]?)\b`)
	// A row of the table of protocols in ARCHITECTURE.md.
	protocolRow = regexp.MustCompile(`(?m)^\| ([A-Z][a-z]+) \| .* \| ([\w/.]+) \|$`)
)

// Each step of a protocol that a comment, a document or a mutant names is a step of a protocol in
// the table of ARCHITECTURE.md, and the argument in the file that the table names lists it.
func TestStepsNamed(t *testing.T) {
	protocols := map[string]string{} // the file of the argument, by name
	for _, m := range protocolRow.FindAllStringSubmatch(read(t, "ARCHITECTURE.md"), -1) {
		require.Empty(t, protocols[m[1]], "two protocols are called %s", m[1])
		protocols[m[1]] = m[2]
	}
	require.Greater(t, len(protocols), 30)

	texts := map[string][]string{} // lines that may name steps, by file
	for _, file := range sources(t, ".go") {
		for _, c := range parseFile(t, file, parser.ParseComments|parser.SkipObjectResolution).Comments {
			texts[file] = slices.AppendSeq(texts[file], strings.Lines(c.Text()))
		}
	}
	for _, file := range sources(t, ".md") {
		if file != "BENCHMARKS.md" { // the names of its trees look like steps
			texts[file] = strings.Split(read(t, file), "\n")
		}
	}
	mutants, err := filepath.Glob(filepath.Join(top, ".ci/mutants/*.txt"))
	require.NoError(t, err)
	require.NotEmpty(t, mutants)
	for _, file := range mutants {
		b, err := os.ReadFile(file)
		require.NoError(t, err)
		for line := range strings.Lines(string(b)) {
			if _, comment, ok := strings.Cut(line, "//"); ok {
				texts[path.Base(file)] = append(texts[path.Base(file)], comment)
			}
		}
	}
	delete(texts, "benchmarks/uts_test.go") // the names of its trees look like steps

	for file, lines := range texts {
		for _, complaint := range wrongSteps(lines, protocols, func(of string) []string { return texts[of] }) {
			t.Errorf("%s: %s", file, complaint)
		}
	}
	for name, file := range protocols {
		if !slices.ContainsFunc(definedSteps(texts[file]), func(step string) bool { return strings.HasPrefix(step, name+"-") }) {
			t.Errorf("the table of protocols says that %s lists the steps of %s, but it lists none", file, name)
		}
	}
}

// wrongSteps returns what is wrong with the steps that lines name. protocols has the file of each
// argument, and text returns the lines of a file.
func wrongSteps(lines []string, protocols map[string]string, text func(file string) []string) (wrong []string) {
	for _, line := range lines {
		for _, m := range stepName.FindAllStringSubmatch(line, -1) {
			step := m[1]
			name, _, named := strings.Cut(step, "-")
			switch {
			case !named:
				wrong = append(wrong, step+" does not say of which protocol it is a step")
			case protocols[name] == "":
				wrong = append(wrong, step+": the table in ARCHITECTURE.md has no protocol "+name)
			case !slices.Contains(definedSteps(text(protocols[name])), step):
				wrong = append(wrong, step+": "+protocols[name]+" does not list it")
			}
		}
	}
	return wrong
}

func definedSteps(lines []string) (steps []string) {
	for _, line := range lines {
		for _, m := range stepDefined.FindAllStringSubmatch(line, -1) {
			steps = append(steps, m[1])
		}
	}
	return steps
}

func TestWrongSteps(t *testing.T) {
	lists := []string{"\tpark                 wake\n", "\tPark-S1  leave       Park-W1  load\n", "\tPark-S2  as in Park-W3\n"}
	require.Equal(t, []string{"Park-S1", "Park-W1", "Park-S2"}, definedSteps(lists))
	require.Equal(t, []string{"Join-A1", "Join-B1", "Slot-N1"}, definedSteps([]string{"| Join-A1 x | Join-B1 y |", "- **Slot-N1** z"}))
	wrong := func(lines ...string) []string {
		return wrongSteps(lines, map[string]string{"Park": "park.go"}, func(string) []string { return lists })
	}
	require.Empty(t, wrong("Park-S1, (Park-W1) and Park-S2.", "tree=T1, B-2, X86, HTTP2, GOAMD64=v3"))
	require.Equal(t, []string{"S2 does not say of which protocol it is a step"}, wrong("either Park-S1 or S2"))
	require.Equal(t, []string{"W2a does not say of which protocol it is a step"}, wrong("(W2a)"))
	require.Equal(t, []string{"Park-S3: park.go does not list it"}, wrong("after Park-S3"))
	require.Equal(t, []string{"Sleep-P1: the table in ARCHITECTURE.md has no protocol Sleep"}, wrong("Sleep-P1"))
}
