package cli_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"vitrine/internal/cli"
	"vitrine/switches"
)

// TestNamesInDocsExist looks up each command, flag, file, link, test, metric, switch and make target that the docs
// name. The form of a name shows what kind of thing it is.
func TestNamesInDocsExist(t *testing.T) {
	t.Parallel()
	known := newKnown(t)
	for _, file := range known.pages {
		text := readText(t, file)
		for _, fault := range known.faults(file, text) {
			t.Error(fault)
		}
	}
}

// TestNamesThatAreNotThere proves that the checker finds a wrong name of each kind.
func TestNamesThatAreNotThere(t *testing.T) {
	t.Parallel()
	known := newKnown(t)
	for _, text := range []string{
		"`vitrine fly`", "`vitrine queue fly`", "    vitrine refresh --fly", "`--fly`", "`detail/fly.go`", "`docs/fly.md`", "[x](fly.md)", "[x](catalog.md#fly)",
		"`TestFly`", "`vitrine_fly_total`", "`read.fly`", "`make fly`", "    make fly", "    vitrine switch set read.fly off",
	} {
		if len(known.faults(filepath.Join(root, "docs", "page.md"), text)) == 0 {
			t.Errorf("nobody misses what is named in %q", text)
		}
	}
	for _, text := range []string{
		"`vitrine queue failed`", "    vitrine refresh --all --dry-run   # a comment --fly", "`--dir`", "`detail/fastpath`", "[x](catalog.md)",
		"`TestNamesInDocsExist`", "`read.local`", "`make test`", "`upstream.prices`", "VITRINE_REDIS=x vitrine doctor --config room.yaml",
	} {
		for _, fault := range known.faults(filepath.Join(root, "docs", "page.md"), text) {
			t.Errorf("%q: %s", text, fault)
		}
	}
}

const root = "../.."

// known holds the names that the docs may use.
type known struct {
	app      *kong.Application
	flags    []string // of any command
	pages    []string // files in docs/
	tests    []string
	targets  []string // make targets
	metrics  []string
	switches []string
}

// spellings are a flag's name, and the one that turns it off.
func spellings(f *kong.Flag) []string {
	if f.Tag.Negatable != "" {
		return []string{f.Name, "no-" + f.Name}
	}
	return []string{f.Name}
}

func newKnown(t *testing.T) *known {
	app, err := cli.Model()
	if err != nil {
		t.Fatal(err)
	}
	k := &known{app: app}
	for _, command := range app.Leaves(true) {
		for _, group := range command.AllFlags(true) {
			for _, f := range group {
				k.flags = append(k.flags, spellings(f)...)
			}
		}
	}
	k.pages, err = filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	k.pages = append(k.pages, filepath.Join(root, "README.md"))
	k.tests = declaredTests(t)
	k.targets = firstGroups(regexp.MustCompile(`(?m)^([a-z-]+):`), readText(t, filepath.Join(root, "Makefile")))
	k.metrics = firstGroups(regexp.MustCompile("(?m)^\\| `(vitrine_\\w+)`"), readText(t, filepath.Join(root, "docs", "operations.md")))
	for _, d := range switches.Declared() {
		k.switches = append(k.switches, d.Name)
	}
	return k
}

// declaredTests returns the names of all tests, fuzz targets, benchmarks and examples of the project.
func declaredTests(t *testing.T) (names []string) {
	declared := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark|Example)\w*)\(`)
	err := filepath.WalkDir(root, func(path string, _ os.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, "_test.go") {
			names = append(names, firstGroups(declared, readText(t, path))...)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

var (
	codeSpan   = regexp.MustCompile("`([^`\n]+)`")
	codeLine   = regexp.MustCompile(`(?m)^    +(?:[0-9A-Za-z_]+=\S+ +)*((?:vitrine|make) .*)$`)
	testName   = regexp.MustCompile(`\b(?:Test|Fuzz|Benchmark|Example)[A-Z]\w+`)
	metricName = regexp.MustCompile(`\bvitrine_[a-z_]+[a-z]\b`)
	markLink   = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	fileName   = regexp.MustCompile(`^(?:[A-Za-z0-9_.-]+/)+[A-Za-z0-9_.*-]*$`)
	switchName = regexp.MustCompile(`^[a-z]+(?:\.[a-z_]+)+$`)
)

// ownTemplate matches a file in a shop's own templates folder.
var ownTemplate = regexp.MustCompile(`^templates/[a-z]+\.html$`)

// faults lists the names in a text of the docs that do not exist, each with its file.
func (k *known) faults(file, text string) (faults []string) {
	miss := func(what, name string) {
		faults = append(faults, fmt.Sprintf("%s names the %s %s: there is none", file, what, name))
	}
	for _, name := range testName.FindAllString(text, -1) {
		if !slices.ContainsFunc(k.tests, func(test string) bool { return strings.HasPrefix(test, name) }) {
			miss("test", name)
		}
	}
	for _, name := range metricName.FindAllString(text, -1) {
		if !slices.Contains(k.metrics, name) {
			miss("metric", name)
		}
	}
	for _, link := range firstGroups(markLink, text) {
		if fault := linkFault(file, text, link); fault != "" {
			miss("link", fault)
		}
	}
	code := append(firstGroups(codeSpan, text), firstGroups(codeLine, text)...)
	for _, c := range code {
		what, name := k.fault(c)
		if what != "" {
			miss(what, name)
		}
	}
	return faults
}

// fault returns what is wrong with a piece of code in the docs, or "" if nothing is.
func (k *known) fault(code string) (what, name string) {
	code, _, _ = strings.Cut(code, " #")
	words := strings.Fields(code)
	if len(words) == 0 {
		return "", ""
	}
	switch first := words[0]; {
	case first == "vitrine":
		return k.commandFault(words[1:])
	case first == "make" && len(words) > 1 && !slices.Contains(k.targets, words[1]):
		return "target of make", words[1]
	case strings.HasPrefix(first, "--"):
		if flag := flagName(first); !slices.Contains(k.flags, flag) {
			return "flag", "--" + flag
		}
	case fileName.MatchString(first) && len(words) == 1 && isTop(first) && !ownTemplate.MatchString(first):
		if found, _ := filepath.Glob(filepath.Join(root, first)); len(found) == 0 {
			return "file", first
		}
	case switchName.MatchString(first) && len(words) == 1:
		return k.switchFault(first)
	}
	return "", ""
}

// commandFault looks up a command, its flags, and the switch that it sets.
func (k *known) commandFault(words []string) (what, name string) {
	node := k.app.Node
	for len(words) > 0 && len(node.Children) > 0 && isWord(words[0]) {
		i := slices.IndexFunc(node.Children, func(child *kong.Node) bool { return child.Name == words[0] })
		if i < 0 {
			return "command", "vitrine " + words[0]
		}
		node = node.Children[i]
		words = words[1:]
	}
	if strings.HasPrefix(node.FullPath(), "vitrine switch ") && len(words) > 0 && switchName.MatchString(words[0]) {
		if what, name := k.switchFault(words[0]); what != "" {
			return what, name
		}
	}
	for _, word := range words {
		if !strings.HasPrefix(word, "--") {
			continue
		}
		flag := flagName(word)
		if len(node.Children) > 0 { // the text means several commands
			if !slices.Contains(k.flags, flag) {
				return "flag", word
			}
			continue
		}
		has := false
		for _, group := range node.AllFlags(true) {
			has = has || slices.ContainsFunc(group, func(f *kong.Flag) bool { return slices.Contains(spellings(f), flag) })
		}
		if !has {
			return "flag", node.FullPath() + " --" + flag
		}
	}
	return "", ""
}

// switchFault looks up a name that begins with the first word of a declared switch. Switches that a catalog declares
// are not checked, since their names are the catalog's own.
func (k *known) switchFault(name string) (what, missing string) {
	family, _, _ := strings.Cut(name, ".")
	switch family {
	case "upstream", "overlay", "part", "live":
		return "", ""
	}
	inFamily := slices.ContainsFunc(k.switches, func(s string) bool { return strings.HasPrefix(s, family+".") })
	if inFamily && !slices.Contains(k.switches, name) {
		return "switch", name
	}
	return "", ""
}

// isTop reports whether a path begins with a top-level folder of the project.
func isTop(path string) bool {
	top, _, _ := strings.Cut(path, "/")
	info, err := os.Stat(filepath.Join(root, top))
	return err == nil && info.IsDir() && top != "cmd"
}

// isWord reports whether a word of a command line may be a command's name.
func isWord(word string) bool { return regexp.MustCompile(`^[a-z]+$`).MatchString(word) }

// flagName returns the name in --name=value, without punctuation of the sentence around it.
func flagName(word string) string {
	return regexp.MustCompile(`^--([a-z-]*[a-z])?`).FindStringSubmatch(word)[1]
}

// linkFault looks up a link within the docs: its file, and the heading that its fragment names.
func linkFault(file, text, link string) string {
	if strings.Contains(link, "://") {
		return ""
	}
	path, heading, _ := strings.Cut(link, "#")
	if path != "" {
		target, err := os.ReadFile(filepath.Join(filepath.Dir(file), path))
		info, errStat := os.Stat(filepath.Join(filepath.Dir(file), path))
		if err != nil && (errStat != nil || !info.IsDir()) {
			return link
		}
		text = string(target)
	}
	if heading != "" && !slices.Contains(headings(text), heading) {
		return link
	}
	return ""
}

// headings returns the anchors of a text's headings.
func headings(text string) (anchors []string) {
	for _, title := range firstGroups(regexp.MustCompile(`(?m)^#+ (.*)$`), text) {
		plain := regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(strings.ToLower(title), "")
		anchors = append(anchors, strings.ReplaceAll(plain, " ", "-"))
	}
	return anchors
}

func firstGroups(re *regexp.Regexp, text string) (groups []string) {
	for _, m := range re.FindAllStringSubmatch(text, -1) {
		groups = append(groups, m[1])
	}
	return groups
}

func readText(t *testing.T, file string) string {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
