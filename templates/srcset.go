package templates

import (
	"net/url"
	"strconv"
	"strings"

	"vitrine/internal/view"
	"vitrine/templates/program"
)

// srcset is the template function of that name: the addresses of a picture in some widths, as the attribute srcset takes them, by the pattern
// images.sizes of the catalog. Widths beyond the picture's own are left out. It returns nothing where there is no pattern.
func srcset(b *program.Budget, args []view.Value) (view.Value, error) {
	pattern, address := textAt(args[0], "Site", "Sizes"), src(args[1])
	if pattern == "" || !(strings.HasPrefix(address, "/") || strings.HasPrefix(address, "https://") || strings.HasPrefix(address, "http://")) {
		return view.OfText(""), nil
	}
	own, _ := strconv.Atoi(textAt(args[1], "width")) // 0 for none
	most := len(args) * (len(pattern) + 9*len(address) + 20)
	return madeText(b, most, func() string {
		var all []string
		for _, width := range args[2:] {
			if n := width.Int(); own == 0 || n <= own {
				all = append(all, sized(pattern, address, n)+" "+strconv.Itoa(n)+"w")
			}
		}
		return strings.Join(all, ", ")
	})
}

// sized returns the address of a picture in a width. A comma would end it in a srcset.
func sized(pattern, address string, width int) string {
	before, after, _ := strings.Cut(pattern, "{url}")
	switch {
	case before != "":
		address = url.QueryEscape(address)
	case strings.Contains(address, "?"):
		after = strings.Replace(after, "?", "&", 1)
	}
	made := strings.Replace(before+"{url}"+after, "{width}", strconv.Itoa(width), 1)
	made = strings.Replace(made, "{url}", address, 1)
	return strings.NewReplacer(",", "%2C", " ", "%20").Replace(made)
}
