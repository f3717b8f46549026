package jsonl

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"vitrine/internal/durable"
	"vitrine/internal/item"
)

// The rows notified of are kept as text: notifiedHead, a line "HASH ID" for each row, and notifiedEnd with their number.
const (
	notifiedHead = "vitrine rows 1"
	notifiedEnd  = "end "
)

// Remember names the file in which Watch keeps the rows that it last notified of. A Watch of a later process then notifies
// of all that was edited in between, deletions included. It must be called before Watch, and only once.
//
// known reports whether there is such a file. Without one, the rows as they are now count as notified of, unless NotifyAll
// is called. If the file can't be read, Watch notifies of all rows; what was deleted in between stays unnoticed.
func (t *Table) Remember(path string) (known bool) {
	t.memory = path
	notified, err := readNotified(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false
	case err != nil:
		t.log.Warn("the file of rows notified of can't be read: notifying of all rows", "file", path, "err", err)
		t.NotifyAll()
	default:
		t.notified = notified
	}
	return true
}

// NotifyAll has Watch begin by notifying of every row. It must be called before Watch.
func (t *Table) NotifyAll() { t.notified = &snapshot{} }

// saveNotified writes the file of rows notified of. If it fails, a later process notifies of some rows again, and that is all.
func (t *Table) saveNotified(notified *snapshot) {
	if t.memory == "" {
		return
	}
	if err := durable.WriteFile(t.memory, formatNotified(notified)); err != nil {
		t.log.Warn("the file of rows notified of can't be written", "err", err)
	}
}

func formatNotified(s *snapshot) []byte {
	var b bytes.Buffer
	fmt.Fprintln(&b, notifiedHead)
	for _, id := range s.ids {
		sum := s.rows[id].sum
		b.WriteString(hex.EncodeToString(sum[:]))
		b.WriteByte(' ')
		b.WriteString(id)
		b.WriteByte('\n')
	}
	fmt.Fprint(&b, notifiedEnd, len(s.ids), "\n")
	return b.Bytes()
}

// readNotified reads what formatNotified wrote: rows with hashes and without bodies.
func readNotified(path string) (*snapshot, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	if !lines.Scan() || lines.Text() != notifiedHead {
		return nil, errors.Join(lines.Err(), fmt.Errorf("%s: it does not begin with %q", path, notifiedHead))
	}
	s := &snapshot{rows: map[string]row{}}
	for lines.Scan() {
		line := lines.Text()
		if line == notifiedEnd+strconv.Itoa(len(s.ids)) {
			return s, nil
		}
		sum, id, _ := strings.Cut(line, " ")
		var r row
		if n, err := hex.Decode(r.sum[:], []byte(sum)[:min(len(sum), 2*len(r.sum))]); err != nil || n != len(r.sum) || item.CheckID(id) != nil {
			return nil, fmt.Errorf("%s:%d: %q is no hash and id", path, len(s.ids)+2, clip(line))
		}
		s.ids = append(s.ids, id)
		s.rows[id] = r
	}
	return nil, errors.Join(lines.Err(), fmt.Errorf("%s: it ends after %d rows, without its last line", path, len(s.ids)))
}
