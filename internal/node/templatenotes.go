package node

import "vitrine/internal/control"

const maxFaultsReported = 5

// describeTemplates adds to a report which templates this process renders pages with, and where those fail.
func (n *process) describeTemplates(r *control.Report) {
	if n.templates == nil {
		return
	}
	set := n.templates.Set()
	faults := set.Faults()
	r.Rendering = &control.Rendering{Revision: set.Revision(), Broken: n.templates.Broken(), Faults: faults[:min(len(faults), maxFaultsReported)]}
}

// templateNotes are lines for operators about templates that fail.
func (n *process) templateNotes() (notes []string) {
	var r control.Report
	n.describeTemplates(&r)
	if r.Rendering != nil {
		notes = r.Rendering.Notes()
	}
	return notes
}
