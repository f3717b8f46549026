package cli

import (
	"cmp"
	"fmt"
	"path/filepath"
	"strings"

	"vitrine/internal/bus"
	"vitrine/internal/catalog"
	"vitrine/internal/control"
	"vitrine/internal/item"
	"vitrine/internal/redact"
	"vitrine/templates"
)

// templatesFlag is the folder of the templates that a catalog's pages name.
type templatesFlag struct {
	Templates string `help:"Folder of the templates that pages name, besides those of the theme. Defaults to templates/ beside the catalog." type:"existingdir" placeholder:"DIR"`
}

// checkNames refuses a catalog that names missing templates. The pushed templates count if there are any, otherwise the
// folder's over the theme. conn is nil if NATS can't be asked.
func (f templatesFlag) checkNames(e *env, conn *bus.Conn, file string, cat *catalog.Catalog) error {
	dir := cmp.Or(f.Templates, filepath.Join(filepath.Dir(file), "templates"))
	set, err := templates.LoadFolder(dir)
	if err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	lang := redact.Shown(cat.Site.Lang)
	if missing := set.Untranslated(cat.Site.Lang); len(missing) > 0 {
		fmt.Fprintf(e.stderr, "WARNING: %d texts of the templates have no words in %s, such as %s: pages say them in English. vitrine template eject --words %s --to %s writes them down to be translated\n",
			len(missing), lang, redact.Shown(strings.Join(missing[:min(3, len(missing))], " | ")), lang, dir)
	}
	advice := "make it in " + dir + ", or name the folder that has it by --templates"
	if conn != nil {
		pushed, err := control.PushedTemplates(e.ctx, conn)
		if err != nil {
			return err
		}
		if pushed != nil {
			set = pushed
			advice = "pushed templates take the place of folders: push some that have it first (vitrine template push)"
		}
	}
	if missing := cat.MissingTemplates(file, set.Pages(), set.Has); len(missing) > 0 {
		return fmt.Errorf("%w: %w\n%s", item.ErrRefused, missing, advice)
	}
	if len(cat.Mistakes) > 0 {
		return fmt.Errorf("%w: %w", item.ErrRefused, cat.Mistakes)
	}
	return nil
}
