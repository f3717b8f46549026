package catalog

import "strconv"

// MissingTemplates lists the templates that pages and rules name and that are not among those there are. file is the
// catalog's, for errors.
func (c *Catalog) MissingTemplates(file string, there []string, has func(name string) bool) (missing Errors) {
	for _, p := range c.Pages {
		if !has(p.Template) {
			missing = append(missing, c.Fault(file, []string{"pages", p.Name, "template"}, oneOf("template", p.Template, there),
				"page %s names the template %q, which is not there", p.Name, p.Template))
		}
		for i, r := range p.Rules {
			if r.Template != "" && !has(r.Template) {
				missing = append(missing, c.Fault(file, []string{"pages", p.Name, "rules", strconv.Itoa(i), "template"}, oneOf("template", r.Template, there),
					"a rule of page %s (when: %s) names the template %q, which is not there", p.Name, r.When.Text, r.Template))
			}
		}
	}
	return missing
}
