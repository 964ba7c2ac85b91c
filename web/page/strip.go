package page

import (
	"fmt"
	"strings"

	"github.com/sentinel-dq/sentinel"
)

// strip is a row of days as SVG: one path for each status, so that a row is small. Statuses
// differ in height or mark, and not in colour alone.
type strip struct {
	Width, Height int
	Paths         []stripPath
	Marks         string // of the cells that are not passing; "" in a strip without cells
	Label         string // what a screen reader says
}

// stripPath is all days of one status.
type stripPath struct{ Class, D string }

// classes of the paths by status, in the order in which they are drawn.
var stripOrder = []struct {
	status      sentinel.Status
	cell, stick string
	middle      float64 // of a stick, from the top
}{
	{sentinel.Pass, "fp", "sp", 16.5}, {sentinel.Unknown, "fu", "su", 18.5}, {sentinel.Warn, "fw", "sw0", 13.5},
	{sentinel.Error, "fe", "se", 11.5}, {sentinel.Fail, "ff", "sf", 10},
}

// heatRow draws days as cells with marks.
func heatRow(days []day, cell int) strip {
	const gap, height = 3, 20
	s := strip{Width: len(days)*(cell+gap) - gap, Height: height, Label: dayLabel(days)}
	var marks strings.Builder
	for _, o := range stripOrder {
		var d strings.Builder
		for i, v := range days {
			if v.Status != o.status {
				continue
			}
			x := i * (cell + gap)
			if o.status == sentinel.Unknown {
				fmt.Fprintf(&d, "M%d 9h%dv2h-%dz", x, cell, cell)
				continue
			}
			fmt.Fprintf(&d, "M%d 0h%dv%dh-%dz", x, cell, height, cell)
			middle := float64(x) + float64(cell)/2
			switch o.status {
			case sentinel.Fail:
				fmt.Fprintf(&marks, "M%.1f 6.5l7 7m0-7l-7 7", middle-3.5)
			case sentinel.Warn:
				fmt.Fprintf(&marks, "M%.1f 6v5m0 2v1.6", middle)
			case sentinel.Error:
				fmt.Fprintf(&marks, "M%.1f 10h8", middle-4)
			}
		}
		if d.Len() > 0 {
			s.Paths = append(s.Paths, stripPath{o.cell, d.String()})
		}
	}
	s.Marks = marks.String()
	return s
}

// sticks draws days as a strip whose heights are the statuses. A run of days is one line.
func sticks(days []day) strip {
	const step = 5
	s := strip{Width: len(days)*step - 1, Height: 20, Label: dayLabel(days)}
	for _, o := range stripOrder {
		var d strings.Builder
		for i := 0; i < len(days); i++ {
			if days[i].Status != o.status {
				continue
			}
			first := i
			for i+1 < len(days) && days[i+1].Status == o.status {
				i++
			}
			fmt.Fprintf(&d, "M%d %gH%d", first*step, o.middle, (i+1)*step-1)
		}
		if d.Len() > 0 {
			s.Paths = append(s.Paths, stripPath{o.stick, d.String()})
		}
	}
	return s
}

// dayLabel counts the days that were not good.
func dayLabel(days []day) string {
	counts := map[sentinel.Status]int{}
	for _, d := range days {
		counts[d.Status]++
	}
	var parts []string
	for _, o := range []struct {
		status sentinel.Status
		word   string
	}{
		{sentinel.Fail, "failing"}, {sentinel.Warn, "warning"}, {sentinel.Error, "without a look"},
		{sentinel.Unknown, "not watched"},
	} {
		if n := counts[o.status]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, o.word))
		}
	}
	label := fmt.Sprintf("%d days: ", len(days))
	if len(parts) == 0 {
		return label + "all passing"
	}
	return label + strings.Join(parts, ", ")
}
