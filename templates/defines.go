package templates

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/template/parse"
)

// checkDefines fails with an error that names both places if two different templates have the same name, by {{define}} or by the name of a
// file: the alphabet would decide which one is used. It skips files that can't be parsed, which fail later.
func (all files) checkDefines() error {
	defined, bodies := map[string]string{}, map[string]string{} // by name: where, and what
	for _, file := range slices.Sorted(maps.Keys(all)) {
		if strings.HasPrefix(file, assetDir) || file == translationsFile {
			continue
		}
		trees := map[string]*parse.Tree{}
		t := parse.New(file)
		t.Mode = parse.SkipFuncCheck
		if _, err := t.Parse(string(all[file]), "", "", trees); err != nil {
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(trees)) {
			if name == file {
				continue
			}
			where := fmt.Sprintf("%s:%d", file, lineOfDefine(all[file], trees[name]))
			if _, isFile := all[name]; isFile {
				return fmt.Errorf("%s defines %q, which is the name of the file %s: call one of them otherwise", where, name, name)
			}
			body := trees[name].Root.String()
			if first, twice := defined[name]; twice && bodies[name] != body {
				return fmt.Errorf("%s defines %q, and so does %s, otherwise: give them two names", where, name, first)
			}
			defined[name], bodies[name] = where, body
		}
	}
	return nil
}

// lineOfDefine returns the line on which the body of a define begins.
func lineOfDefine(src []byte, tree *parse.Tree) int {
	at := min(int(tree.Root.Position()), len(src))
	return 1 + bytes.Count(src[:at], []byte("\n"))
}
