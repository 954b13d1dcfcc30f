package pretty

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/olekukonko/tablewriter"
)

// Table writes rows as plain columns two spaces apart, under a head; a nil
// head is left out. The cells are written as they are: what comes from a peer
// has to go through Quote or Clean before, and no cell has a line feed. Every
// row has as many cells as the head, or as the first row.
func Table(w io.Writer, head []string, rows [][]string) error {
	if head != nil {
		rows = append([][]string{head}, rows...)
	}
	left := make([][]string, len(rows))
	for i, row := range rows {
		if len(row) == 0 || len(row) != len(rows[0]) {
			return fmt.Errorf("pretty: table: row %d has %d cells, not %d", i, len(row), len(rows[0]))
		}
		for _, cell := range row {
			if strings.ContainsRune(cell, '\n') {
				return fmt.Errorf("pretty: table: row %d: line feed in cell %q", i, cell)
			}
		}
		left[i] = row[:len(row)-1]
	}
	lines := align(left)
	var out []byte
	for _, row := range rows {
		var line []byte
		line, lines, _ = bytes.Cut(lines, []byte("\n"))
		out = append(append(out, line...), row[len(row)-1]...)
		out = append(trimSpaces(out), '\n')
	}
	_, err := w.Write(out)
	return err
}

// align returns a line for each row, with its cells filled up to the width of
// their column and a gap after each. The last column of a table is left out:
// one long cell there would fill up all others.
//
// It is the only use of package tablewriter, whose defaults change data.
func align(rows [][]string) []byte {
	if len(rows) == 0 || len(rows[0]) == 0 {
		return nil
	}
	var b bytes.Buffer
	t := tablewriter.NewWriter(&b)
	t.SetAutoWrapText(false)
	t.SetAlignment(tablewriter.ALIGN_LEFT)
	t.SetBorder(false)
	t.SetColumnSeparator("")
	t.SetTablePadding("  ")
	t.SetNoWhiteSpace(true)
	t.AppendBulk(rows)
	t.Render()
	return b.Bytes()
}
