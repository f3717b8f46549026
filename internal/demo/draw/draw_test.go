package draw_test

import (
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"vitrine/internal/demo/draw"
	"vitrine/internal/long"
)

var sheet = flag.String("sheet", "", "write a page that shows all pictures into this folder, to look at")

func TestEveryPictureIsSoundAndItsOwn(t *testing.T) {
	if len(draw.Kinds()) != 25 {
		t.Errorf("%d kinds: %v", len(draw.Kinds()), draw.Kinds())
	}
	seen := map[string]string{}
	for _, kind := range draw.Kinds() {
		for model := range 13 {
			for view := range draw.View(draw.Views) {
				name := fmt.Sprintf("%s %d %d", kind, model, view)
				svg := draw.Draw(draw.Article{Kind: kind, Model: model, Colour: "#3c6e8f", Label: `<b>"&`}, view)
				if len(svg) > 12<<10 {
					t.Errorf("%s has %d bytes", name, len(svg))
				}
				if model < long.Pick(5, 13) {
					wellFormed(t, name, svg)
				}
				if strings.Contains(string(svg), "<b>") {
					t.Errorf("%s: the label is markup", name)
				}
				if other, twice := seen[string(svg)]; twice {
					t.Errorf("%s looks like %s", name, other)
				}
				seen[string(svg)] = name
			}
		}
	}
}

func wellFormed(t *testing.T, name string, svg []byte) {
	t.Helper()
	for d := xml.NewDecoder(strings.NewReader(string(svg))); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatalf("the picture %s is not well-formed: %v", name, err)
		}
		if e, ok := token.(xml.StartElement); ok && slices.Contains([]string{"script", "foreignObject", "image", "use", "a"}, e.Name.Local) {
			t.Errorf("%s has a %s", name, e.Name.Local)
		}
		if e, ok := token.(xml.StartElement); ok {
			for _, a := range e.Attr {
				if strings.Contains(a.Value, "NaN") || strings.Contains(a.Value, "%!") {
					t.Errorf("%s: %s=%s", name, a.Name.Local, a.Value)
				}
			}
		}
	}
}

// TestSheet writes all pictures onto one page: go test ./internal/demo/draw -run Sheet -sheet /tmp/sheet
func TestSheet(t *testing.T) {
	if *sheet == "" {
		t.Skip("no -sheet given")
	}
	if err := os.MkdirAll(*sheet, 0o755); err != nil {
		t.Fatal(err)
	}
	colours := []string{"#b5533c", "#3c6e8f", "#4f7a4c", "#d9a441", "#2f3440", "#e8e2d6"}
	var page strings.Builder
	page.WriteString("<!DOCTYPE html><body style='margin:4px;font:12px sans-serif'>")
	for _, kind := range draw.Kinds() {
		fmt.Fprintf(&page, "<div>%s<br>", kind)
		for i := range 6 {
			view := []draw.View{draw.Front, draw.Front, draw.Front, draw.Front, draw.Scene, draw.Detail}[i]
			file := fmt.Sprintf("%s-%d.svg", kind, i)
			svg := draw.Draw(draw.Article{Kind: kind, Model: i * 2, Colour: colours[i], Label: "Still Water"}, view)
			if err := os.WriteFile(filepath.Join(*sheet, file), svg, 0o644); err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&page, "<img src=%s width=200 height=200> ", file)
		}
		page.WriteString("</div>")
	}
	if err := os.WriteFile(filepath.Join(*sheet, "index.html"), []byte(page.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}
