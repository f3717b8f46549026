package notify_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vitrine/internal/item"
)

// TestExamples runs the functions of docs/examples/notify against a receiver. Each subject that they expect must be
// published in NATS after their request.
func TestExamples(t *testing.T) {
	ids := []string{"100012", "12049.1", "MH01-XS_Black", "a b", "äß漢😀", `"q"\`, "*>", "=41"}
	var want []string
	for _, id := range ids {
		want = append(want, item.Change{Lane: item.Normal, Entity: item.Entity{Kind: "sku", ID: id}, Dimension: "price"}.Subject())
	}
	sorted := slices.Sorted(slices.Values(want))
	d := open(t, shop)
	d.serve()
	for _, command := range []string{"node notify.mjs", "python3 notify.py", "java Notify.java", "php notify.php"} {
		name, file, _ := strings.Cut(command, " ")
		t.Run(name, func(t *testing.T) {
			if _, err := exec.LookPath(name); err != nil {
				t.Skipf("SKIPPED: %s is not installed, so that %s was not tried", name, file)
			}
			d.T = t
			run := exec.CommandContext(t.Context(), name, append([]string{file, d.url + "/notify", "sku", "price"}, ids...)...)
			run.Dir = "../../docs/examples/notify"
			run.Env = append(run.Environ(), "NOTIFY_TOKEN="+token, "JAVA_TOOL_OPTIONS=-XX:TieredStopAtLevel=1", "LC_ALL=C.UTF-8")
			var complaint strings.Builder
			run.Stderr = &complaint
			out, err := run.Output()
			if err != nil {
				t.Fatalf("%v\n%s%s", err, out, complaint.String())
			}
			if diff := cmp.Diff(want, strings.Fields(string(out))); diff != "" {
				t.Error("subjects: ", diff)
			}
			if diff := cmp.Diff(sorted, d.published()); diff != "" {
				t.Error("published: ", diff)
			}
		})
	}
}
