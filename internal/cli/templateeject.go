package cli

import (
	"errors"
	"fmt"
	"path/filepath"

	"vitrine/templates"
)

type templateEject struct {
	Files []string `arg:"" optional:"" name:"file" help:"Files of the theme, such as offer.html or assets/site.css. Defaults to all."`
	To    string   `help:"The folder: templates/ beside the catalog." default:"templates" type:"path" placeholder:"DIR"`
	Words string   `help:"Write words.json for this language instead: adds the texts without words in it, empty, to be translated. Keeps what the file has." placeholder:"LANG"`
	Force bool     `help:"Overwrite what is there."`
}

func (templateEject) Help() string {
	return `Examples:
  vitrine template eject offer.html
  vitrine template eject --to shop/templates
  vitrine template eject --words pt     # words.json with every text that Portuguese lacks

Each file begins with a comment that says what it is for. Eject only what you change: the rest stays the theme's, and is mended with it.`
}

// Run is vitrine template eject.
func (c *templateEject) Run(e *env) error {
	if c.Words != "" {
		return c.addWords(e)
	}
	names, err := templates.Eject(c.To, c.Files, c.Force)
	if errors.Is(err, templates.ErrNoFile) {
		return usageError{err}
	}
	return c.print(e, names, err)
}

// addWords writes the texts that are to be translated.
func (c *templateEject) addWords(e *env) error {
	if len(c.Files) > 0 {
		return usagef("--words writes words.json: give it without %q", c.Files)
	}
	texts, err := templates.AddWords(c.To, c.Words)
	if err != nil {
		return err
	}
	if texts == 0 {
		fmt.Fprintf(e.stdout, "all texts have words in %s: nothing was written\n", c.Words)
		return nil
	}
	fmt.Fprintf(e.stdout, "%s: %d texts to translate into %s\n", filepath.Join(c.To, "words.json"), texts, c.Words)
	return nil
}

// print prints the files that were written, and explains err if there is one.
func (c *templateEject) print(e *env, names []string, err error) error {
	if errors.Is(err, templates.ErrExists) {
		return fmt.Errorf("%w; nothing was written. Give --force if you want that", err)
	}
	for _, name := range names {
		fmt.Fprintln(e.stdout, filepath.Join(c.To, name))
	}
	return err
}

type templateNew struct {
	Folder string `arg:"" optional:"" help:"The folder: templates/ beside the catalog." default:"templates" type:"path"`
	Force  bool   `help:"Overwrite what is there."`
}

func (templateNew) Help() string {
	return `Examples:
  vitrine template new
  vitrine up --catalog shop.yaml        # uses templates/ beside shop.yaml, and each change of it at once

It writes a page for products and a bar of links, with comments, which call files of the built-in theme.`
}

// Run is vitrine template new.
func (c *templateNew) Run(e *env) error {
	names, err := templates.Start(c.Folder, c.Force)
	return (&templateEject{To: c.Folder}).print(e, names, err)
}
