package cli

import (
	"vitrine/internal/bus"
	"vitrine/internal/control"
	"vitrine/templates"
)

// templatePushFlags are those of template push and rollback.
type templatePushFlags struct {
	natsFlag
	tryFlags
	forceFlag
	waitFlag
	roomsFlag
}

// templateChoice is a set of templates that is to be put in force.
type templateChoice struct {
	packed  []byte
	what    string // of a sentence that goes on with "in force"
	earlier uint64 // the revision that it had when it was in force before; 0 if it was not
}

// put tries the templates that choose returns on pages, puts them in force, and waits until the servers have them.
func (f templatePushFlags) put(e *env, command string, choose func(*bus.Conn) (templateChoice, error)) error {
	if err := f.checkPush(f.waitFlag); err != nil {
		return err
	}
	conn, err := f.dial(e, command)
	if err != nil {
		return f.finish(e, tried{}, err)
	}
	defer conn.Close()
	if err := conn.Ensure(e.ctx); err != nil {
		return f.finish(e, tried{}, err)
	}
	head, err := control.HeadTemplates(e.ctx, conn) // before the trial: what others push meanwhile is not replaced
	if err != nil {
		return f.finish(e, tried{}, err)
	}
	chosen, err := choose(conn)
	if err != nil {
		return f.finish(e, tried{}, err)
	}
	t, err := f.spread(e, conn, chosen, head)
	if t.Revision > 0 && !f.JSON {
		printSpread(e, chosen.what, t.spread())
	}
	return f.finish(e, t, err)
}

// spread puts templates in force. Those that were in force before need not be tried on a page, nor called by one.
func (f templatePushFlags) spread(e *env, conn *bus.Conn, chosen templateChoice, head uint64) (t tried, err error) {
	rooms, err := f.openRooms(e, conn)
	if err != nil {
		return t, err
	}
	defer rooms.Close()
	t, err = f.try(e, chosen.packed)
	t.RolledBack = chosen.earlier
	if err == nil && chosen.earlier == 0 {
		err = t.require(e, conn)
	}
	if err == nil && chosen.earlier == 0 {
		err = f.refuseUncalled(e, &t, chosen.packed)
	}
	if err == nil && f.allow(e, &t) {
		err = t.pushed(control.SpreadTemplates(e.ctx, conn, chosen.packed, head, f.Wait))
		if err != nil {
			return t, err
		}
		t.Rooms = rooms.Carry(e.ctx, control.CarryTemplates(chosen.packed, t.Revision, f.Wait))
	}
	return t, err
}

// refuseUncalled has new templates refused where a file of theirs shows nothing.
func (f templatePushFlags) refuseUncalled(e *env, t *tried, packed []byte) error {
	set, err := templates.LoadPacked(packed)
	if err != nil {
		return err
	}
	t.uncalled(e, set, f.JSON)
	t.OK = t.OK && len(t.Uncalled) == 0
	return nil
}
