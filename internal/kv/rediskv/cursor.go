package rediskv

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"vitrine/internal/item"
)

// position is a position in a walk over all masters. As a cursor it is written AT@ADDRESS@RUN@THROUGH,THROUGH.
type position struct {
	at      uint64 // Redis' own cursor
	addr    string // the master that gave it; "" between two masters
	run     string // the run id of its process
	through []string
}

// openScan parses a cursor. A cursor of an older form, which a mirror may have stored, begins a new walk.
func openScan(cursor string) (p position, err error) {
	if cursor == "" {
		return p, nil
	}
	fields := strings.Split(cursor, "@")
	p.at, err = strconv.ParseUint(fields[0], 10, 64)
	if err != nil || len(fields) != 2 && len(fields) != 4 {
		return position{}, fmt.Errorf("%w: %.80q is no cursor of a scan", item.ErrRefused, cursor)
	}
	if len(fields) == 2 {
		return position{}, nil
	}
	p.addr = fields[1]
	p.run = fields[2]
	if fields[3] != "" {
		p.through = strings.Split(fields[3], ",")
	}
	return p, nil
}

func (p position) String() string {
	return strconv.FormatUint(p.at, 10) + "@" + p.addr + "@" + p.run + "@" + strings.Join(p.through, ",")
}

// left reports whether a master has not been walked to its end.
func (p *position) left(n node) bool { return !slices.Contains(p.through, n.addr) }

// behind is the cursor after the current master, "" if it was the last.
func (p *position) behind(nodes []node) string {
	p.through = append(slices.Clip(p.through), p.addr)
	p.at = 0
	p.addr = ""
	p.run = ""
	if !slices.ContainsFunc(nodes, p.left) {
		return ""
	}
	return p.String()
}

// step runs one SCAN on a master. It begins at the start if the master's process is not the one that gave the cursor.
func (p *position) step(ctx context.Context, n node, match string, limit int) ([]string, error) {
	if n.addr != p.addr {
		p.at = 0
		p.addr = n.addr
		p.run = ""
	}
	pipe := n.Pipeline()
	info := pipe.Info(ctx, "server")
	scan := pipe.Scan(ctx, p.at, match, int64(limit))
	_, _ = pipe.Exec(ctx) // each command is checked
	if info.Err() != nil && !forbidden(info.Err()) {
		return nil, info.Err()
	}
	run := fields(info.Val())["run_id"]
	if p.at != 0 && run != p.run {
		p.at = 0
		p.run = run
		return nil, nil
	}
	keys, at, err := scan.Result()
	if err != nil {
		return nil, err
	}
	p.at = at
	p.run = run
	if at == 0 {
		p.through = append(slices.Clip(p.through), p.addr)
		p.addr = ""
		p.run = ""
	}
	return keys, nil
}
