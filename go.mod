module github.com/fcgiscope/fcgiscope

go 1.26.0
