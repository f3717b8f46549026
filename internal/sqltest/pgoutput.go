package sqltest

import "time"

// relation is a table as pgoutput describes it.
type relation struct {
	schema, table string
	columns       []column
}

type column struct {
	name string
	oid  uint32
	key  bool // part of the replica identity
}

// value is one value of a row, in PostgreSQL's text form.
type value struct {
	text      string
	null      bool
	unchanged bool // too large to be logged, and not changed
}

// rowChange is the change of a row.
type rowChange struct {
	op            byte // I, U, D or T, as in pgoutput
	of            *relation
	before, after []value // before is nil unless the replica identity gives it
	keyOnly       bool    // before has the key's values only
	lsn           uint64
	xid           uint32
	committed     time.Time
}

// decoder turns pgoutput's messages into changes of rows.
type decoder struct {
	relations map[uint32]*relation
	xid       uint32
	committed time.Time
}

// decode returns the changes that a message has.
func (d *decoder) decode(lsn uint64, message []byte) (changes []rowChange) {
	in := input{message}
	kind := in.byte()
	c := rowChange{op: kind, lsn: lsn, xid: d.xid, committed: d.committed}
	switch kind {
	case 'B':
		in.uint64() // the position of the commit
		d.committed = epoch().Add(time.Duration(in.uint64()) * time.Microsecond)
		d.xid = in.uint32()
	case 'R':
		d.relation(&in)
	case 'I':
		c.of = d.relations[in.uint32()]
		in.byte() // N
		c.after = tuple(&in)
		return []rowChange{c}
	case 'U', 'D':
		c.of = d.relations[in.uint32()]
		which := in.byte()
		if which != 'N' {
			c.keyOnly = which == 'K'
			c.before = tuple(&in)
			if kind == 'U' {
				in.byte() // N
			}
		}
		if kind == 'U' {
			c.after = tuple(&in)
		}
		return []rowChange{c}
	case 'T':
		n := in.uint32()
		in.byte() // options
		for range n {
			c.of = d.relations[in.uint32()]
			changes = append(changes, c)
		}
	}
	return changes
}

func (d *decoder) relation(in *input) {
	id := in.uint32()
	r := &relation{schema: in.text(), table: in.text()}
	in.byte() // the kind of replica identity
	for range in.uint16() {
		c := column{key: in.byte() == 1, name: in.text(), oid: in.uint32()}
		in.uint32() // the type's modifier
		r.columns = append(r.columns, c)
	}
	d.relations[id] = r
}

func tuple(in *input) (row []value) {
	for range in.uint16() {
		switch in.byte() {
		case 'n':
			row = append(row, value{null: true})
		case 'u':
			row = append(row, value{unchanged: true})
		default:
			row = append(row, value{text: string(in.take(int(in.uint32())))})
		}
	}
	return row
}
