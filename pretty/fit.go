package pretty

import (
	"io"
	"slices"
	"strings"

	"github.com/mattn/go-runewidth"
)

// leastColumn is the narrowest that a column of a table is made.
const leastColumn = 4

// longWord is how long a word is that is broken to make a column narrower.
const longWord = 12

// gap is how many columns lie between two columns of a table.
const gap = 2

// Columns returns how many columns of a terminal s takes: two for wide
// characters, none for combining marks.
func Columns(s string) int { return runewidth.StringWidth(s) }

// Clip returns what of s fits so many columns of a terminal, with "..." at the
// end if that is not all.
func Clip(s string, columns int) string {
	if Columns(s) <= columns {
		return s
	}
	head, _ := split(s, max(columns-len("..."), 0))
	return head + "..."
}

// TableIn is Table on a terminal with so many columns; 0 is no terminal. What
// has no room there is broken into several lines, between words where it can be.
// Where there are too many columns for that, each cell has a line of its own, with
// what the head says of it.
func TableIn(w io.Writer, columns int, head []string, rows [][]string) error {
	widths, ok := widthsIn(columns, head, rows)
	switch {
	case widths == nil:
		return Table(w, head, rows)
	case !ok && head != nil:
		return listed(w, columns, head, rows)
	}
	var lines [][]string
	if head != nil {
		lines = stack(lines, head, widths, Wrap)
	}
	for _, row := range rows {
		lines = stack(lines, row, widths, Wrap)
	}
	return Table(w, nil, lines)
}

// listed is a table whose cells are below each other.
func listed(w io.Writer, columns int, head []string, rows [][]string) error {
	for i, row := range rows {
		if i > 0 {
			if _, err := w.Write([]byte("\n")); err != nil {
				return err
			}
		}
		var cells [][]string
		for c, cell := range row {
			cells = append(cells, []string{head[c], cell})
		}
		if err := TableIn(w, columns, nil, cells); err != nil {
			return err
		}
	}
	return nil
}

// TableCut is TableIn with a line for each row. Long cells are cut; where that
// does not help, columns are left out, those that spare names and in its order.
// The head may have several lines.
func TableCut(w io.Writer, columns int, head []string, rows [][]string, spare ...string) error {
	widths, ok := widthsIn(columns, head, rows)
	for ; !ok && len(spare) > 0; spare = spare[1:] {
		if c := slices.Index(head, spare[0]); c >= 0 {
			head, rows = without(head, rows, c)
			widths, ok = widthsIn(columns, head, rows)
		}
	}
	if widths == nil {
		return Table(w, head, rows)
	}
	lines := stack(nil, head, widths, Wrap)
	for _, row := range rows {
		lines = stack(lines, row, widths, func(cell string, width int) []string { return []string{Clip(cell, width)} })
	}
	return Table(w, nil, lines)
}

// without returns a table without a column.
func without(head []string, rows [][]string, c int) ([]string, [][]string) {
	less := make([][]string, len(rows))
	for i, row := range rows {
		less[i] = slices.Concat(row[:c], row[c+1:])
	}
	return slices.Concat(head[:c], head[c+1:]), less
}

// stack appends a row, as many lines as its highest cell has.
func stack(lines [][]string, row []string, widths []int, fit func(string, int) []string) [][]string {
	first := len(lines)
	for c, cell := range row {
		for i, part := range fit(cell, widths[c]) {
			if first+i == len(lines) {
				lines = append(lines, make([]string, len(row)))
			}
			lines[first+i][c] = part
		}
	}
	return lines
}

// widthsIn returns how wide the columns are in so many columns of a terminal,
// nil if all have the room that they need, or there is no table. The widest give
// way first. It is not ok where words are broken that are not long.
func widthsIn(columns int, head []string, rows [][]string) (widths []int, ok bool) {
	all := rows
	if head != nil {
		all = append([][]string{head}, rows...)
	}
	if columns <= 0 || len(all) == 0 {
		return nil, true
	}
	need, words := make([]int, len(all[0])), make([]int, len(all[0]))
	for _, row := range all {
		if len(row) != len(need) {
			return nil, true // Table says what is wrong
		}
		for c, cell := range row {
			need[c] = max(need[c], Columns(cell))
			for word := range strings.FieldsSeq(cell) {
				words[c] = max(words[c], min(Columns(word), longWord))
			}
		}
	}
	room := columns - gap*(len(need)-1)
	if sum(need) <= room {
		return nil, true
	}
	for i, least := range [][]int{words, slices.Repeat([]int{leastColumn}, len(need))} {
		for limit := slices.Max(need); limit >= leastColumn; limit-- {
			widths = slices.Clone(need)
			for c := range widths {
				widths[c] = min(need[c], max(limit, least[c], leastColumn))
			}
			if sum(widths) <= room {
				return widths, i == 0
			}
		}
	}
	return widths, false
}

func sum(numbers []int) (n int) {
	for _, one := range numbers {
		n += one
	}
	return n
}

// Wrap breaks s into lines of so many columns, at blanks where there are some;
// 0 columns are no limit.
func Wrap(s string, columns int) []string {
	var lines []string
	for columns > 0 && Columns(s) > columns {
		head, rest := split(s, max(columns, 2)) // one character at least
		if at := strings.LastIndexByte(head+rest[:min(1, len(rest))], ' '); at > 0 && strings.TrimSpace(head[:at]) != "" {
			head, rest = s[:at], s[at:]
		}
		lines = append(lines, strings.TrimRight(head, " "))
		s = strings.TrimLeft(rest, " ")
	}
	if s != "" || lines == nil {
		lines = append(lines, s)
	}
	return lines
}

// split returns what of s fits so many columns, and the rest. Marks stay with the
// character that they are on.
func split(s string, columns int) (head, rest string) {
	width := 0
	for i, r := range s {
		if width += runewidth.RuneWidth(r); width > columns {
			return s[:i], s[i:]
		}
	}
	return s, ""
}
