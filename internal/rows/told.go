package rows

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

// What was told of is kept as text: toldHead, a line "HASH ID" for each row, and toldEnd with their number.
const (
	toldHead = "vitrine rows 1"
	toldEnd  = "end "
)

// Remember has Watch keep in a file which rows it last told of, so that a Watch of a later process tells what was
// edited while nobody watched, deletions included. It is called before Watch, once.
//
// Where there is no such file yet, known is false: the rows as they are now count as told of, unless TellAll is called.
// A file that can't be read is as none, and all rows are told of; what was deleted since is then not known.
func (t *Table) Remember(path string) (known bool) {
	t.memory = path
	told, err := readTold(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false
	case err != nil:
		t.log.Warn("which rows were told of last can't be read: telling of all", "file", path, "err", err)
		t.TellAll()
	default:
		t.told = told
	}
	return true
}

// TellAll has Watch begin by telling of every row. It is called before Watch.
func (t *Table) TellAll() { t.told = &snapshot{} }

// keepTold keeps the rows told of. A failure costs a later process no more than telling them again.
func (t *Table) keepTold(told *snapshot) {
	if t.memory == "" {
		return
	}
	if err := durable.WriteFile(t.memory, formatTold(told)); err != nil {
		t.log.Warn("which rows were told of can't be kept", "err", err)
	}
}

func formatTold(s *snapshot) []byte {
	var b bytes.Buffer
	fmt.Fprintln(&b, toldHead)
	for _, id := range s.ids {
		sum := s.rows[id].sum
		b.WriteString(hex.EncodeToString(sum[:]))
		b.WriteByte(' ')
		b.WriteString(id)
		b.WriteByte('\n')
	}
	fmt.Fprint(&b, toldEnd, len(s.ids), "\n")
	return b.Bytes()
}

// readTold reads what formatTold wrote: rows with hashes and without bodies.
func readTold(path string) (*snapshot, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	if !lines.Scan() || lines.Text() != toldHead {
		return nil, errors.Join(lines.Err(), fmt.Errorf("%s: it does not begin with %q", path, toldHead))
	}
	s := &snapshot{rows: map[string]row{}}
	for lines.Scan() {
		line := lines.Text()
		if line == toldEnd+strconv.Itoa(len(s.ids)) {
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
