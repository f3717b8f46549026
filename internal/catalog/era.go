package catalog

import "time"

// Era is a catalog and the period in which it was in force.
type Era struct {
	Catalog  *Catalog // nil for one that this program can't compile
	Revision uint64
	From     time.Time
	Until    time.Time // zero for the one in force
}
