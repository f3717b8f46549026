package cli

import (
	"fmt"
	"reflect"
	"time"

	"github.com/alecthomas/kong"
)

// checkValue explains what a value of a config file should have been, before the flag's own parser fails with Go's
// wording.
func checkValue(path string, flag *kong.Flag, value any) error {
	if fits(flag.Target.Type(), value) {
		return nil
	}
	return fmt.Errorf("%s: %s: %v is not what it takes: %s", path, flag.Name, value, expected(flag))
}

// fits reports whether a value from YAML can become a flag of a type. Text always can: the flag's parser reads it.
func fits(flag reflect.Type, value any) bool {
	if _, text := value.(string); text {
		return flag.Kind() != reflect.Slice
	}
	switch flag.Kind() {
	case reflect.Bool:
		_, ok := value.(bool)
		return ok
	case reflect.Slice:
		list, ok := value.([]any)
		for _, one := range list {
			ok = ok && fits(flag.Elem(), one)
		}
		return ok
	case reflect.Int, reflect.Int64, reflect.Uint64, reflect.Float64:
		if flag == reflect.TypeFor[time.Duration]() {
			return false
		}
		switch value.(type) {
		case int, int64, uint64, float64:
			return true
		}
	}
	return false
}

// expected describes the form of a flag's values, with an example if there is one.
func expected(flag *kong.Flag) string {
	form := "text; what looks like something else belongs in quotes"
	switch kind := flag.Target.Type(); {
	case kind == reflect.TypeFor[time.Duration]():
		form = "a time with its unit, such as 500ms or 2m"
	case kind.Kind() == reflect.Bool:
		form = "true or false"
	case kind.Kind() == reflect.Slice:
		form = "a list, such as [a, b]"
	case kind.Kind() != reflect.String && kind.Kind() != reflect.Struct:
		form = "a number"
	case flag.Default != "":
		form = "text, such as " + flag.Default
	case flag.PlaceHolder != "":
		form = "text: " + flag.PlaceHolder
	}
	return form
}
