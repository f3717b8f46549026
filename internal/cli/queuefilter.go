package cli

import (
	"cmp"
	"context"
	"strings"
	"time"

	"vitrine/internal/bus"
	"vitrine/internal/item"
)

// deadLetterFilter chooses dead letters.
type deadLetterFilter struct {
	Stage     string        `help:"Only of this stage: heterog or syncer." placeholder:"STAGE"`
	Kind      string        `help:"Only about this kind." placeholder:"KIND"`
	Dimension string        `help:"Only about this dimension." placeholder:"NAME"`
	ID        string        `name:"id" help:"Only about the entity with this id." placeholder:"ID"`
	Reason    string        `help:"Only those whose reason contains this text." placeholder:"TEXT"`
	Since     time.Duration `help:"Only those that became dead letters within this time." placeholder:"2h"`
}

// empty reports whether the filter selects all.
func (f deadLetterFilter) empty() bool { return f == deadLetterFilter{} }

func (f deadLetterFilter) subject() (string, error) {
	for what, name := range map[string]string{"--stage": f.Stage, "--kind": f.Kind, "--dimension": f.Dimension} {
		if name != "" && name != "_" && item.CheckName(name) != nil {
			return "", usagef("%s %q is no name", what, name)
		}
	}
	id := ">"
	if f.ID != "" {
		if err := item.CheckID(f.ID); err != nil {
			return "", usageError{err}
		}
		id = item.EncodeID(f.ID)
	}
	return strings.Join([]string{"failed", cmp.Or(f.Stage, "*"), cmp.Or(f.Kind, "*"), cmp.Or(f.Dimension, "*"), id}, "."), nil
}

// each calls do with every selected dead letter.
func (f deadLetterFilter) each(ctx context.Context, conn *bus.Conn, do func(bus.StoredDeadLetter) error) error {
	subject, err := f.subject()
	if err != nil {
		return err
	}
	if err := f.eachBelow(ctx, conn, subject, do); err != nil || f.Kind+f.Dimension+f.ID == "" {
		return err
	}
	// What the catalog does not know has no place below its kind: there the subject that was published is looked at.
	return f.eachBelow(ctx, conn, "failed."+cmp.Or(f.Stage, "*")+"._._.>", func(l bus.StoredDeadLetter) error {
		if !f.names(l.Subject) {
			return nil
		}
		return do(l)
	})
}

func (f deadLetterFilter) eachBelow(ctx context.Context, conn *bus.Conn, subject string, do func(bus.StoredDeadLetter) error) error {
	for l, err := range conn.DeadLetters(ctx, subject) {
		if err != nil {
			return err
		}
		if !strings.Contains(l.Reason, f.Reason) || f.Since > 0 && time.Since(l.Last) > f.Since {
			continue
		}
		if err := do(l); err != nil {
			return err
		}
	}
	return nil
}

// names reports whether a subject as it was published, HEAD.LANE.KIND.DIMENSION.ID, or without a dimension for an entity
// to fold, names what the filter asks for. Whoever published it may have broken any rule of the grammar.
func (f deadLetterFilter) names(subject string) bool {
	tokens := strings.SplitN(subject, ".", 5)
	if tokens[0] == "sync" && len(tokens) > 3 {
		tokens = append(tokens[:3:3], "_", strings.Join(tokens[3:], "."))
	}
	asked := []string{f.Kind, f.Dimension, f.ID}
	for i, want := range asked {
		if want == "" {
			continue
		}
		if len(tokens) <= i+2 {
			return false
		}
		got := tokens[i+2]
		if i == 2 {
			if id, err := item.DecodeID(got); err == nil {
				got = id
			}
		}
		if strings.TrimRight(got, "!~") != want {
			return false
		}
	}
	return true
}
