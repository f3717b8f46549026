package detail

import (
	"strings"

	"vitrine/internal/catalog"
	"vitrine/internal/view"
)

// unsigned are the values of a page that can't be negative. The theme shows a page without one that is.
var unsigned = [...][2]string{{"price", "amount"}, {"price", "list"}, {"stock", "quantity"}}

// countNegative counts the negative amounts and quantities of a page that is made, so that its shop learns of them.
func (st *site) countNegative(p *catalog.Page, data view.Value) {
	for _, path := range unsigned {
		v := data.Get(path[0], path[1])
		if v.IsText() && strings.HasPrefix(v.Text(), "-") {
			st.server.metrics.negative.WithLabelValues(path[0] + "." + path[1]).Inc()
			st.server.config.Log.Debug("a negative value is treated as absent", "page", p.Name, "path", path[0]+"."+path[1], "value", v.Text())
		}
	}
}
