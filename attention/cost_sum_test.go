package attention

import (
	"reflect"
	"testing"
)

// TestCostSum fills every number of a Cost, so that one that Add forgets shows.
func TestCostSum(t *testing.T) {
	var c Cost
	next := int64(1)
	var fill func(v reflect.Value)
	fill = func(v reflect.Value) {
		for i := range v.NumField() {
			if f := v.Field(i); f.Kind() == reflect.Struct {
				fill(f)
			} else {
				f.SetInt(next)
				next++
			}
		}
	}
	fill(reflect.ValueOf(&c).Elem())
	if got := c.Add(c).Sub(c); got != c {
		t.Errorf("c + c − c is %+v, c is %+v", got, c)
	}
	if got := c.Sub(c); got != (Cost{}) {
		t.Errorf("c − c is %+v", got)
	}
}
