package rediskv

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"vitrine/internal/item"
)

// position is where a walk over all masters stands. As a cursor it is written AT@ADDRESS@RUN@THROUGH,THROUGH.
type position struct {
	at      uint64 // Redis' own cursor
	addr    string // of the master that gave it; "" between two masters
	run     string // of its process
	through []string
}

// openScan reads a cursor. One of an older form, which a mirror may have kept, begins the walk anew.
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

// left reports whether a master is still to be walked, or being walked.
func (p *position) left(n node) bool { return !slices.Contains(p.through, n.addr) }

// behind is the cursor of the next master; "" where there is none. The one that is being walked is left out.
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

// step takes one SCAN of a master. It begins anew where the process is not the one that gave the cursor.
func (p *position) step(ctx context.Context, n node, match string, limit int) ([]string, error) {
	if n.addr != p.addr {
		p.at = 0
		p.addr = n.addr
		p.run = ""
	}
	pipe := n.Pipeline()
	info := pipe.Info(ctx, "server")
	scan := pipe.Scan(ctx, p.at, match, int64(limit))
	_, _ = pipe.Exec(ctx) // each answer is looked at
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
