// Package tap stands between a web server and its application, passes on what
// they send each other, byte for byte, and shows it to watchers.
//
// A Proxy never decodes what it passes on and never waits for more than has
// come. What crosses to the watchers is copies of the bytes, in bounded queues
// (see Watcher): one that shows is left behind when it is too slow and told how
// much it missed, one that records holds the traffic back instead.
//
// A Takeover puts a proxy into the place of a Unix socket that is in use.
package tap
