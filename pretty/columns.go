package pretty

import (
	"bytes"
	"fmt"
	"io"

	"github.com/olekukonko/tablewriter"
)

// Table writes rows as plain columns two spaces apart, under a head; a nil
// head is left out. The cells are written as they are: what comes from a peer
// has to go through Quote or Clean before. Every row has as many cells as the
// head, or as the first row.
//
// It is the only use of package tablewriter, whose defaults change data.
func Table(w io.Writer, head []string, rows [][]string) error {
	var b bytes.Buffer
	t := tablewriter.NewWriter(&b)
	t.SetAutoFormatHeaders(false) // else "request_id" becomes "REQUEST ID"
	t.SetAutoWrapText(false)
	t.SetAlignment(tablewriter.ALIGN_LEFT)
	t.SetHeaderAlignment(tablewriter.ALIGN_LEFT)
	t.SetHeaderLine(false)
	t.SetBorder(false)
	t.SetCenterSeparator("")
	t.SetColumnSeparator("")
	t.SetRowSeparator("")
	t.SetTablePadding("  ")
	t.SetNoWhiteSpace(true)
	columns := len(head)
	if head != nil {
		t.SetHeader(head)
	}
	for i, row := range rows {
		if columns == 0 {
			columns = len(row)
		}
		if len(row) != columns {
			return fmt.Errorf("pretty: table: row %d has %d cells, not %d", i, len(row), columns)
		}
		t.Append(row)
	}
	t.Render()
	return writeTrimmed(w, b.Bytes())
}

// writeTrimmed writes lines without the spaces that fill their last column.
func writeTrimmed(w io.Writer, lines []byte) error {
	out := make([]byte, 0, len(lines))
	for line := range bytes.Lines(lines) {
		out = append(append(out, bytes.TrimRight(line, " \n")...), '\n')
	}
	_, err := w.Write(out)
	return err
}
