package bus

import (
	"reflect"
	"testing"
)

// TestMeets proves that a stream does not meet a configuration of which it lacks something, and does meet one to
// which it only adds.
func TestMeets(t *testing.T) {
	for _, want := range streams() {
		is := want
		is.Description = "an operator's"
		is.Replicas = 3
		if !meets(is, want) {
			t.Errorf("%s: what an operator may set is refused", want.Name)
		}
		for i := range reflect.TypeOf(want).NumField() {
			field := reflect.TypeOf(want).Field(i).Name
			lacks := want
			v := reflect.ValueOf(&lacks).Elem().Field(i)
			if field == "Name" || v.IsZero() {
				continue
			}
			v.SetZero()
			if meets(lacks, want) {
				t.Errorf("%s: nobody misses %s", want.Name, field)
			}
		}
	}
}
