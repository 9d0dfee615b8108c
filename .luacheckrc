-- What Redis gives to a script, and what src/store/redis-script.ts puts in front of it.
std = 'lua51'
read_globals = {'redis', 'KEYS', 'ARGV', 'limits'}
max_line_length = 126
ignore = {'431'} -- shadowing upvalue
