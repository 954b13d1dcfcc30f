package commands

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/jstemmer/go-junit-report/v2/junit"

	"github.com/fcgiscope/fcgiscope/pretty"
	"github.com/fcgiscope/fcgiscope/wire/replay"
)

// A replayJUnit writes a JUnit report at the end: a test case for each request.
type replayJUnit struct {
	w      io.Writer
	stable bool
	now    time.Time
	suite  string
	took   time.Duration // of all requests
	cases  []junit.Testcase
}

func (j *replayJUnit) add(x *replay.Result) error {
	q := x.Request
	c := junit.Testcase{Name: fmt.Sprintf("%d/%d %s", q.Conn, q.Seq, pretty.Clean(q.Name())), Classname: j.suite, Time: "0.000000"}
	if !j.stable {
		c.Time = fmt.Sprintf("%.6f", x.Took.Seconds())
		j.took += x.Took
	}
	if !x.Same() {
		var b bytes.Buffer
		places := []string{}
		for _, d := range x.Differences {
			writeDifference(&b, &d)
			places = append(places, differencePlace(&d))
		}
		if x.Err != nil {
			fmt.Fprintf(&b, "    %s\n", plain(x.Err))
		}
		message := "different: " + strings.Join(places, ", ")
		if len(places) == 0 {
			message = plain(x.Err)
		}
		c.Failure = &junit.Result{Message: message, Type: "difference", Data: b.String()}
	}
	j.cases = append(j.cases, c)
	return nil
}

func (j *replayJUnit) rules(wrong []string) error {
	c := junit.Testcase{Name: "rules", Classname: j.suite, Time: "0.000000"}
	if len(wrong) > 0 {
		c.Failure = &junit.Result{Message: pretty.Clean(wrong[0]), Type: "rule", Data: pretty.Clean(strings.Join(wrong, "; "))}
	}
	j.cases = append(j.cases, c)
	return nil
}

func (j *replayJUnit) close() error {
	suite := junit.Testsuite{Name: j.suite, Time: fmt.Sprintf("%.6f", j.took.Seconds())}
	if !j.stable {
		suite.Timestamp = j.now.UTC().Format("2006-01-02T15:04:05")
	}
	for _, c := range j.cases {
		suite.AddTestcase(c)
	}
	var all junit.Testsuites
	all.AddSuite(suite)
	var b bytes.Buffer
	if err := all.WriteXML(&b); err != nil {
		return err
	}
	return write(j.w, append([]byte(xmlHead), b.Bytes()...))
}

const xmlHead = `<?xml version="1.0" encoding="UTF-8"?>` + "\n"
