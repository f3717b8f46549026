package control

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
)

// nodeIDFile is in the state folder. It distinguishes its processes from those of another machine with the same host
// name and path.
const nodeIDFile = "node.id"

const nodeIDBytes = 6

// nodeID is the random id of a state folder, created if missing. It is "" if it can't be stored: with a new id at each
// start, the previous process would be expected for a day.
func nodeID(dir string, log *slog.Logger) string {
	file := filepath.Join(dir, nodeIDFile)
	id, err := readNodeID(file)
	if errors.Is(err, fs.ErrNotExist) {
		err = makeNodeID(dir, file)
		if err == nil {
			id, err = readNodeID(file) // if two processes start at once, that of one of them
		}
	}
	if err != nil {
		log.Warn("this folder has no id of its own: a process of another machine with the same host name and --dir is taken for this one", "file", file, "error", err)
		return ""
	}
	return id
}

func readNodeID(file string) (string, error) {
	body, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	id := strings.TrimSpace(string(body))
	raw, err := hex.DecodeString(id)
	if err != nil || len(raw) != nodeIDBytes || hex.EncodeToString(raw) != id {
		return "", fmt.Errorf("%.80q is no id; remove the file, and start again", id)
	}
	return id, nil
}

// makeNodeID writes the file whole, unless another process has written it.
func makeNodeID(dir, file string) error {
	id := make([]byte, nodeIDBytes)
	rand.Read(id) // never fails
	draft, err := os.CreateTemp(dir, nodeIDFile+".*")
	if err != nil {
		return err
	}
	defer os.Remove(draft.Name())
	_, err = draft.WriteString(hex.EncodeToString(id) + "\n")
	err = errors.Join(err, draft.Close())
	if err != nil {
		return err
	}
	if err := os.Link(draft.Name(), file); !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}
