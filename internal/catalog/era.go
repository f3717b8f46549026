package catalog

import "time"

// Era is a catalog and the time in which it was in force.
type Era struct {
	Catalog  *Catalog // nil for one that does not compile here
	Revision uint64
	From     time.Time
	Until    time.Time // zero for the one in force
}
