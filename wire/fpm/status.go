package fpm

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
)

// A Status is the status page of a pool. Its JSON is that of php-fpm, with all
// strings escaped and no number that is none.
type Status struct {
	Pool               string `json:"pool"`
	ProcessManager     string `json:"process manager"`       // static, dynamic or ondemand
	StartTime          int64  `json:"start time"`            // Unix time, s
	StartSince         int64  `json:"start since"`           // s
	AcceptedConn       int64  `json:"accepted conn"`         // requests since the start
	ListenQueue        int64  `json:"listen queue"`          // connections that wait; always 0 for Unix sockets on Linux
	MaxListenQueue     int64  `json:"max listen queue"`      // since the start
	ListenQueueLen     int64  `json:"listen queue len"`      // how many may wait
	IdleProcesses      int64  `json:"idle processes"`        // workers that wait for a connection
	ActiveProcesses    int64  `json:"active processes"`      // workers with a connection; the one that tells is one
	TotalProcesses     int64  `json:"total processes"`       // both
	MaxActiveProcesses int64  `json:"max active processes"`  // since the start
	MaxChildrenReached int64  `json:"max children reached"`  // how often; 0 with pm = static
	SlowRequests       int64  `json:"slow requests"`         // that took longer than request_slowlog_timeout
	MemoryPeak         *int64 `json:"memory peak,omitempty"` // bytes; nil before PHP 8.4
	// Processes are the workers; only in the full status.
	Processes []Process `json:"processes,omitempty"`
}

// A Process is a worker of a pool, and its request: the one that it works on,
// or the last one.
type Process struct {
	PID               int64    `json:"pid"`   // 0: it is being started
	State             string   `json:"state"` // one of States
	StartTime         int64    `json:"start time"`
	StartSince        int64    `json:"start since"`      // s
	Requests          int64    `json:"requests"`         // it has served
	RequestDuration   Duration `json:"request duration"` // of the request, so far if it is at work
	RequestMethod     string   `json:"request method"`
	RequestURI        string   `json:"request uri"`
	ContentLength     int64    `json:"content length"`      // bytes
	User              string   `json:"user"`                // "-": none
	Script            string   `json:"script"`              // "-": none
	LastRequestCPU    float64  `json:"last request cpu"`    // %
	LastRequestMemory int64    `json:"last request memory"` // bytes, the most at a time
}

// Idle is the state of a worker that waits for a connection.
const Idle = "Idle"

// States returns the states of a worker, in the order in which a request passes
// them.
func States() []string {
	return []string{Idle, "Reading headers", "Getting request informations", "Running", "Ending", "Finishing"}
}

// A Duration is a time in microseconds. php-fpm takes the difference of two
// clocks for it, which can come out less than 0, printed as such or as a number
// near 2^64 (PHP bug 62382); that is read as 0.
type Duration int64

// UnmarshalJSON implements json.Unmarshaler.
func (d *Duration) UnmarshalJSON(b []byte) error {
	n, err := strconv.ParseUint(string(b), 10, 64)
	if err != nil {
		_, err = strconv.ParseInt(string(b), 10, 64)
		n = 0
	}
	if err != nil {
		return fmt.Errorf("%q is no number of microseconds", b)
	}
	if n > math.MaxInt64 {
		n = 0
	}
	*d = Duration(n)
	return nil
}

// ParseStatus reads a status page in JSON. Strings that php-fpm has not escaped
// are read as what they stand for, as far as that can be told: those of PHP 7
// and before hold any byte that a client put into its URI.
func ParseStatus(page []byte) (*Status, error) {
	s := new(Status)
	err := json.Unmarshal(page, s)
	if err != nil {
		*s = Status{}
		if json.Unmarshal(repair(page), s) != nil {
			return nil, fmt.Errorf("fpm: status page: %w", err)
		}
	}
	if s.Pool == "" || s.ProcessManager == "" {
		return nil, errors.New("fpm: status page: it names no pool and process manager")
	}
	return s, nil
}
