package demo

import (
	"fmt"
	"html"
	"strings"

	"vitrine/internal/demo/draw"
)

// images returns the pictures of a product's gallery, one for each view, with alternative texts.
func (s *Shop) images(p *Product) (images []fields) {
	alts := []text{{"", ""}, {" in a room", "，居家场景"}, {", close by", "，细节"}, {", with its measures", "，尺寸"}}
	for view := range draw.Views {
		if p.Virtual && view == int(draw.Measures) {
			break // the product has no measures
		}
		images = append(images, fields{"url": pictureURL(p.ID, view), "width": 800, "height": 800, "alt": p.Title + alts[view][s.lang]})
	}
	return images
}

func pictureURL(id string, view int) string { return fmt.Sprintf("/pictures/%s-%d.svg", id, view) }

// specs returns the table of specifications of a product.
func (s *Shop) specs(p *Product) fields {
	l, a := s.lang, p.article
	row := func(en, zh, value string) fields { return fields{"name": l.pick(en, zh), "value": value} }
	about := []fields{
		row("Model", "型号", s.goods.Models[p.model][l]),
		row("Article number", "货号", p.ID),
		row("Material", "材质", a.Material[l]),
	}
	for _, o := range p.Options {
		about = append(about, fields{"name": o.Name, "value": o.Value})
	}
	groups := []fields{{"group": l.pick("About it", "主体"), "rows": about}}
	if !p.Virtual {
		size := func(i int) string { return fmt.Sprintf("%d cm", a.Size[i]+p.model%3) }
		groups = append(groups, fields{"group": l.pick("Size and weight", "规格"), "rows": []fields{
			row("Width", "宽", size(0)), row("Depth", "深", size(1)), row("Height", "高", size(2)),
			row("Weight", "重量", fmt.Sprintf("%d g", a.Grams+a.Grams*p.model/40)),
		}})
	}
	care := []fields{row("Made in", "产地", l.pick("Portugal", "葡萄牙")), row("Guarantee", "质保", l.pick("5 years", "五年"))}
	if p.Global {
		care = append(care, row("Sent from", "发货地", l.pick("Overseas, duties included", "海外直邮，含税")))
	}
	groups = append(groups, fields{"group": l.pick("Service", "服务"), "rows": care})
	return fields{"id": p.ID, "groups": groups}
}

// description returns the long text of a product, as HTML.
func (s *Shop) description(p *Product) fields {
	l, a := s.lang, p.article
	var b strings.Builder
	say := func(format string, args ...any) { fmt.Fprintf(&b, format, args...) }
	picture := func(view draw.View) {
		if p.Virtual {
			return
		}
		say(`<figure><img src="%s" width="800" height="800" alt="%s"><figcaption>%s</figcaption></figure>`,
			pictureURL(p.ID, int(view)), html.EscapeString(p.Title), html.EscapeString(p.Title))
	}
	say("<h2>%s</h2>", html.EscapeString(a.Brief[l]))
	say("<p>%s</p>", html.EscapeString(l.pick(
		"We made the first "+s.goods.Models[p.model][En]+" for ourselves, because what we could buy was either beautiful or lasted. It took eleven attempts. "+
			"The twelfth stands in our own rooms, and since then nearly nothing about it has changed.",
		"第一件"+s.goods.Models[p.model][Zh]+"是为我们自己做的：市面上的要么好看，要么耐用。试了十一次，第十二次的那件至今仍摆在我们自己的屋里，此后几乎没有改动。")))
	picture(draw.Scene)
	say("<h3>%s</h3><ul>", l.pick("What it does", "特点"))
	for _, point := range a.Points {
		say("<li>%s</li>", html.EscapeString(point[l]))
	}
	say("</ul>")
	if !p.Virtual {
		say("<h3>%s</h3><p>%s</p>", html.EscapeString(a.Material[l]), html.EscapeString(l.pick(
			"It will change with the years, and it may. Clean it with a soft cloth and a little soap; what breaks we mend, and what can't be mended we take back.",
			"它会随岁月而变，这正是它的好处。软布与少许肥皂即可清洁；坏了我们修，修不了我们收回。")))
		picture(draw.Detail)
	}
	return fields{"id": p.ID, "html": b.String()}
}
