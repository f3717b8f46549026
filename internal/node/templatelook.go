package node

import "vitrine/internal/control"

const mostFaultsTold = 5

// describeTemplates adds to a report which templates this process renders pages with, and where those fail.
func (n *process) describeTemplates(r *control.Report) {
	if n.folder == nil {
		return
	}
	set := n.folder.Set()
	faults := set.Faults()
	r.Look = &control.Look{Revision: set.Revision(), Broken: n.folder.Broken(), Faults: faults[:min(len(faults), mostFaultsTold)]}
}

// lookNotes are lines for operators about templates that fail.
func (n *process) lookNotes() (notes []string) {
	var r control.Report
	n.describeTemplates(&r)
	if r.Look != nil {
		notes = r.Look.Notes()
	}
	return notes
}
