package demo

import (
	"fmt"
	"strconv"
)

// Product is one variant: the data of goods.yaml with the edits applied.
type Product struct {
	Edit
	ID          string
	Category    string // id, as are Brand and Shop
	Brand       string
	Shop        string
	Virtual     bool
	Global      bool // it is sold from overseas
	Options     []Option
	Variants    []string // ids of the family's others
	Recommended []string // ids of other families
	Promotions  []string

	article *article
	model   int
	colour  colour
}

// Option is a property by which variants differ, with its value.
type Option struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// lowStock is the number of pieces at which "only a few left" begins.
const lowStock = 10

// products returns all products, in the order of their ids. categories maps names to ids.
func (g *goods) products(l Lang, categories map[string]string) (all []*Product) {
	for a := range g.Articles {
		for model := range g.Models {
			all = append(all, g.family(l, &g.Articles[a], a*len(g.Models)+model, model, categories)...)
		}
	}
	recommend(all)
	return all
}

// family returns the variants of one model. They refer to each other.
func (g *goods) family(l Lang, a *article, number, model int, categories map[string]string) (family []*Product) {
	sizes := a.Sizes
	if len(sizes) == 0 {
		sizes = []text{{}}
	}
	for i := range a.Colours {
		key := a.Colours[(i+model)%len(a.Colours)]
		for _, size := range sizes {
			family = append(family, g.variant(l, a, number, model, key, size, len(family)))
		}
	}
	for _, p := range family {
		p.Category = categories[a.Category]
		for _, other := range family {
			if other != p {
				p.Variants = append(p.Variants, other.ID)
			}
		}
	}
	return family
}

func (g *goods) variant(l Lang, a *article, number, model int, key string, size text, n int) *Product {
	c := g.Colours[key]
	p := &Product{
		ID: strconv.Itoa(100001 + number*100 + n), article: a, model: model, colour: c,
		Edit: Edit{Brief: a.Brief[l], Version: 1}, Virtual: a.Virtual, Global: number%31 == 5 && !a.Virtual,
		Brand: strconv.Itoa(1 + a.Brand), Shop: strconv.Itoa(1 + a.Shop),
	}
	p.Title = title(l, g.Models[model], a.Name)
	switch {
	case a.Kind == "giftcard":
		p.Options = []Option{{l.pick("Amount", "面额"), l.money(g.price(l, a, model))}}
		p.Title += " " + p.Options[0].Value
	case !a.Virtual:
		p.Options = []Option{{l.pick("Colour", "颜色"), c.Name[l]}}
	}
	if size[l] != "" {
		p.Options = append(p.Options, Option{a.SizeName[l], size[l]})
	}
	mix := number*7 + n*13
	p.Price = g.price(l, a, model) + int64(n%3)*100
	if number%4 == 1 && a.Kind != "giftcard" {
		p.List = p.Price*5/4/100*100 + 90
	}
	if number%5 == 0 {
		p.Promotions = []string{g.Promotions[number/5%len(g.Promotions)][l]}
	}
	p.Stock = int64([]int{140, 36, 58, 7, 212, 91, 3, 44, 0, 75, 18}[mix%11])
	if a.Virtual {
		p.Stock = 1000
	}
	p.Off = mix%101 == 57
	return p
}

func title(l Lang, model, name text) string {
	return l.pick(model[En]+" "+name[En], model[Zh]+name[Zh])
}

// price returns the price of a model, in cents. It rises from the first model to the last. All prices but those of gift cards end in 90 cents.
func (g *goods) price(l Lang, a *article, model int) int64 {
	whole := a.Price[0] + (a.Price[1]-a.Price[0])*model/(len(g.Models)-1)
	if a.Kind == "giftcard" {
		return int64(whole) * 100 * l.rate()
	}
	return int64(whole)*100*l.rate() - 10
}

// recommend sets the recommendations of each product: the first variants of other families, those of its own kind first.
func recommend(all []*Product) {
	var firsts []*Product
	at := map[string]int{} // index into firsts, by the id of any variant of the family
	for _, p := range all {
		if len(p.Variants) == 0 || p.ID < p.Variants[0] {
			at[p.ID] = len(firsts)
			for _, v := range p.Variants {
				at[v] = len(firsts)
			}
			firsts = append(firsts, p)
		}
	}
	for _, p := range all {
		for _, step := range []int{1, 2, 13, 27, 40, 66, 105, 131} {
			other := firsts[(at[p.ID]+step)%len(firsts)]
			if !other.Off {
				p.Recommended = append(p.Recommended, other.ID)
			}
		}
	}
}

// amount formats an amount in cents with two decimals.
func amount(cents int64) string { return fmt.Sprintf("%d.%02d", cents/100, cents%100) }
