package catalog

import "fmt"

// MissingTemplates lists, in words, the templates that pages and rules name and has does not know.
func (c *Catalog) MissingTemplates(has func(name string) bool) (missing []string) {
	for _, p := range c.Pages {
		if !has(p.Template) {
			missing = append(missing, fmt.Sprintf("page %s names the template %q, which is not there", p.Name, p.Template))
		}
		for _, r := range p.Rules {
			if r.Template != "" && !has(r.Template) {
				missing = append(missing, fmt.Sprintf("a rule of page %s (when: %s) names the template %q, which is not there", p.Name, r.When.Text, r.Template))
			}
		}
	}
	return missing
}
