package demo

import (
	_ "embed"
	"fmt"

	"github.com/goccy/go-yaml"
)

//go:embed goods.yaml
var goodsYAML []byte

// text is a text in English and in Chinese, in this order.
type text [2]string

// goods is the content of goods.yaml.
type goods struct {
	Models     []text            `yaml:"models"`
	Colours    map[string]colour `yaml:"colours"`
	Brands     []maker           `yaml:"brands"`
	Shops      []maker           `yaml:"shops"`
	Categories yaml.MapSlice     `yaml:"categories"` // in order: a parent stands before its children
	Areas      []area            `yaml:"areas"`
	Promotions []text            `yaml:"promotions"`
	Articles   []article         `yaml:"articles"`
}

type colour struct {
	Name text   `yaml:"name"`
	Hex  string `yaml:"hex"`
}

type maker struct {
	Name  text `yaml:"name"`
	About text `yaml:"about"`
}

type area struct {
	ID   string `yaml:"id"`
	Name text   `yaml:"name"`
	Days int    `yaml:"days"` // days until a parcel arrives
}

// article is a kind of goods. Each of its models is a family of variants.
type article struct {
	Kind     string   `yaml:"kind"`
	Name     text     `yaml:"name"`
	Category string   `yaml:"category"`
	Brand    int      `yaml:"brand"` // index of the brand
	Shop     int      `yaml:"shop"`  // index of the shop
	Price    [2]int   `yaml:"price"` // of the first and of the last model, in euros
	Size     [3]int   `yaml:"size"`  // width, depth, height in cm
	Grams    int      `yaml:"grams"`
	Virtual  bool     `yaml:"virtual"`
	Material text     `yaml:"material"`
	Colours  []string `yaml:"colours"`
	Sizes    []text   `yaml:"sizes"`
	SizeName text     `yaml:"size_name"`
	Brief    text     `yaml:"brief"`
	Points   []text   `yaml:"points"`
}

// category is a node of the tree of categories.
type category struct {
	Name   text   `yaml:"name"`
	Parent string `yaml:"parent"`
}

func readGoods() (*goods, error) {
	g := &goods{}
	if err := yaml.UnmarshalWithOptions(goodsYAML, g, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("goods.yaml: %w", err)
	}
	return g, nil
}
