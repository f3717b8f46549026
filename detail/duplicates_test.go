package detail_test

import (
	"strings"
	"testing"
)

// TestDuplicateMembers proves that rules, templates and the JSON twin agree on which of two members of one name
// counts: the last, as in encoding/json and in browsers.
func TestDuplicateMembers(t *testing.T) {
	s := open(t)
	s.redis.Put("sku:1", "item", 1, `{"product":{"title":"first","market":"global","title":"last","market":"home"}}`)
	s.redis.Put("sku:2", "item", 1, `{"status":{"state":"off"},"product":{"title":"first"},"product":{"title":"last"},"status":{"state":"on"}}`)
	s.redis.Put("sku:3", "item", 1, `{"product":{"title":"first","market":"home","title":"last","m\u0061rket":"global"}}`)
	s.redis.Put("sku:4", "item", 1, `{"product":{"title":"first"},"product":{"title":"last"},"price":1,"price":2}`)
	s.redis.Put("sku:4", "offer", 1, `{"price":3}`)
	for _, id := range []string{"1", "2"} {
		got := s.get(t, "/item/"+id+".html")
		if got.status != 200 || !strings.Contains(got.body, "<h1>last</h1>") {
			t.Errorf("sku:%s: %d %s", id, got.status, got.body)
		}
	}
	if got := s.get(t, "/item/3.html"); got.status != 302 {
		t.Errorf("a rule does not see the last member, whose name is escaped: %d", got.status)
	}
	if got, want := s.get(t, "/item/4.json").body, `{"sku":"4","product":{"title":"last"},"price":2}`; got != want {
		t.Errorf("of two members in one blob the last counts, and of two blobs the first:\n%s\n%s", got, want)
	}
}
