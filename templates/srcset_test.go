package templates_test

import "testing"

func TestSrcset(t *testing.T) {
	set, err := load(t, map[string]string{"set.html": `<img src="/x"{{with srcset . .picture 72 144}} srcset="{{.}}"{{end}}>`})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ sizes, picture, want string }{
		{"{url}?w={width}", `"/a.jpg"`, `/a.jpg?w=72 72w, /a.jpg?w=144 144w`},
		{"{url}?w={width}", `"/a.jpg?v=1"`, `/a.jpg?v=1&amp;w=72 72w, /a.jpg?v=1&amp;w=144 144w`},
		{"https://img.example/{width}?of={url}", `"https://a.example/ü,b.jpg"`, `https://img.example/72?of=https%3A%2F%2Fa.example%2F%C3%BC%2Cb.jpg 72w, https://img.example/144?of=https%3A%2F%2Fa.example%2F%C3%BC%2Cb.jpg 144w`},
		{"{url}?w={width}", `{"url":"/a,b c.jpg","width":100}`, `/a%2Cb%20c.jpg?w=72 72w`},
		{"{url}?w={width}", `"data:image/png;base64,x"`, ""},
		{"{url}?w={width}", `{"url":"/a.jpg","width":10}`, ""},
		{"", `"/a.jpg"`, ""},
	} {
		want := `<img src="/x">`
		if c.want != "" {
			want = `<img src="/x" srcset="` + c.want + `">`
		}
		if got := render(t, set, "set.html", parse(t, `{"Site":{"Sizes":"`+c.sizes+`"},"picture":`+c.picture+`}`)); got != want {
			t.Errorf("%s by %q: %s, want %s", c.picture, c.sizes, got, want)
		}
	}
}
