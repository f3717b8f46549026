package doctor

import (
	"context"
	"fmt"

	"vitrine/internal/bus"
	"vitrine/internal/control"
)

// checkClocks compares the clocks of this machine, and of the machines of all processes, with that of NATS. That of Redis is looked at
// with its store.
func (x *checkRun) checkClocks(ctx context.Context, conn *bus.Conn) {
	ahead, err := conn.MeasureClock(ctx)
	if err != nil {
		return // what is wrong with NATS is told already
	}
	if ahead.Abs() > control.ClockMost {
		x.warn("clocks", fmt.Sprintf("NATS's clock is %s this machine's: times at which something begins or ends are NATS's; use NTP on both", control.Off(ahead)))
	}
	members, err := control.Members(ctx, conn)
	if err != nil {
		return // a login may not ask for them
	}
	for _, m := range members {
		if m.Present && m.Ahead.Abs() > control.ClockMost {
			x.warn("clocks", fmt.Sprintf("the clock of %s is %s NATS's: use NTP on its machine", m.Node, control.Off(m.Ahead)))
		}
	}
}

// checkRoomClock compares the clock of another room's NATS with that of this room's.
func (x *checkRun) checkRoomClock(ctx context.Context, conn, there *bus.Conn, name string) {
	here, err := conn.MeasureClock(ctx)
	if err != nil {
		return
	}
	other, err := there.MeasureClock(ctx)
	if err != nil {
		return // a login of another room may only hear what is announced
	}
	if ahead := other - here; ahead.Abs() > control.ClockMost {
		x.warn("clocks", fmt.Sprintf("the clock of room %s's NATS is %s this room's: of two pushes, one in each room, the older may win; use NTP on both", name, control.Off(ahead)))
	}
}
