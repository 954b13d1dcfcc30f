//go:build unix

package diagnose

import (
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"strconv"
	"strings"
	"syscall"
)

// owner names the owner and the group of a file.
func owner(info fs.FileInfo) (name, group string) {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return "", ""
	}
	return userName(uint64(stat.Uid)), groupName(uint64(stat.Gid))
}

func userName(id uint64) string {
	s := strconv.FormatUint(id, 10)
	if u, err := user.LookupId(s); err == nil {
		return u.Username
	}
	return s
}

func groupName(id uint64) string {
	s := strconv.FormatUint(id, 10)
	if g, err := user.LookupGroupId(s); err == nil {
		return g.Name
	}
	return s
}

// self says who we are for the file system.
func self() string {
	var groups []string
	ids, err := os.Getgroups()
	if err == nil {
		for _, id := range ids {
			groups = append(groups, groupName(uint64(id)))
		}
	}
	return fmt.Sprintf("user %s, group %s, groups %s", userName(uint64(os.Geteuid())), groupName(uint64(os.Getegid())), strings.Join(groups, ","))
}
