-- SPDX-License-Identifier: GPL-2.0-only
--
-- scoutfs for Wireshark and tshark: the messages that mounts and the server exchange over TCP, and the
-- quorum's datagrams over UDP.
--
-- Installed where Wireshark looks for Lua plugins; or, for once: tshark -X lua_script:scoutfs.lua -r FILE.
-- scoutfs has no port of its own. Messages are recognised by their headers, datagrams by their checksum.
-- Where that does not suffice: "Decode As..." scoutfs, or the preference scoutfs.ports (-o scoutfs.ports:5000).
--
-- Shares nothing with the program beside it, on purpose: the tests compare the two. Written for Wireshark 2.6
-- and later, so for Lua 5.2 to 5.4: no operators for bits, 64-bit numbers by Wireshark's own type.
--
-- Sources: kmod/src/format.h, net.c and quorum.c of scoutfs; layouts have not changed from v1.2 to main.

local HEADER, DATA_MAX = 32, 1100

local scoutfs = Proto("scoutfs", "scoutfs messages")
local quorum = Proto("scoutfs_quorum", "scoutfs quorum datagram")

---- names ----

local COMMANDS = {
	[0] = "GREETING", "ALLOC_INODES", "GET_LOG_TREES", "COMMIT_LOG_TREES", "SYNC_LOG_TREES", "GET_ROOTS", "GET_LAST_SEQ",
	"LOCK", "LOCK_RECOVER", "SRCH_GET_COMPACT", "SRCH_COMMIT_COMPACT", "GET_LOG_MERGE", "COMMIT_LOG_MERGE", "OPEN_INO_MAP",
	"GET_VOLOPT", "SET_VOLOPT", "CLEAR_VOLOPT", "RESIZE_DEVICES", "STATFS", "FAREWELL",
}
local ERRORS = { [0] = "none", "ENOENT", "ENOMEM", "EIO", "ENOSPC", "EINVAL", "ENOLINK" }
local MODES = { [0] = "null", "read", "write", "write-only" }
local QUORUM_TYPES = { [0] = "REQUEST_VOTE", "VOTE", "HEARTBEAT", "RESIGNATION" }
local ZONES = {
	[4] = "inode index", [8] = "orphan", [12] = "xattr totl", [16] = "fs", [20] = "lock", [24] = "log trees",
	[28] = "mounted client", [32] = "srch", [36] = "free extent blkno", [40] = "free extent order", [44] = "log merge status",
	[48] = "log merge range", [52] = "log merge request", [56] = "log merge complete", [60] = "log merge freeing",
}

-- Bytes of data in a request and in a response without an error; -1: LOCK_RECOVER, 8 and 48 for each lock.
local SIZES = {
	[0] = { 40, 40 }, { 8, 16 }, { 0, 472 }, { 472, 0 }, { 0, 0 }, { 0, 72 }, { 0, 8 }, { 48, 48 }, { 32, -1 }, { 0, 584 },
	{ 584, 0 }, { 0, 208 }, { 208, 0 }, { 16, 144 }, { 0, 520 }, { 520, 0 }, { 520, 0 }, { 16, 0 }, { 0, 56 }, { 0, 0 },
}

---- fields ----

local f, q = {}, {}

local function field(name, what, ...)
	local made = ProtoField[what]("scoutfs." .. name, ...)
	f[name:gsub("%.", "_")] = made
	return made
end

field("seq", "uint64", "Sequence number", base.DEC)
field("recv_seq", "uint64", "Acknowledged sequence number", base.DEC)
field("id", "uint64", "Request id", base.DEC)
field("data_len", "uint16", "Data length", base.DEC)
field("cmd", "uint8", "Command", base.DEC, COMMANDS)
field("flags", "uint8", "Flags", base.HEX)
field("response", "bool", "Response", 8, { "response", "request" }, 0x01)
field("error", "uint8", "Error", base.DEC, ERRORS)
field("pad", "bytes", "Padding")
field("data", "bytes", "Data")

field("request_in", "framenum", "Request in frame", base.NONE, frametype and frametype.REQUEST or nil)
field("response_in", "framenum", "Response in frame", base.NONE, frametype and frametype.RESPONSE or nil)
field("time", "relative_time", "Time from request to response")
field("sent_before_in", "framenum", "Sent before in frame", base.NONE)

field("greeting.fsid", "uint64", "Filesystem id", base.HEX)
field("greeting.version", "uint64", "Format version", base.DEC)
field("greeting.server_term", "uint64", "Server's term", base.DEC)
field("greeting.rid", "uint64", "Client's rid", base.HEX)
field("greeting.flags", "uint64", "Flags", base.HEX)
field("greeting.farewell", "bool", "Farewell was sent", 64, nil, 0x1)
field("greeting.quorum", "bool", "Quorum member", 64, nil, 0x2)

field("key", "string", "Key")
field("key.zone", "uint8", "Zone", base.DEC, ZONES)
field("key.first", "uint64", "First", base.DEC)
field("key.type", "uint8", "Type", base.DEC)
field("key.second", "uint64", "Second", base.DEC)
field("key.third", "uint64", "Third", base.DEC)
field("key.fourth", "uint8", "Fourth", base.DEC)
field("lock.write_seq", "uint64", "Write seq", base.DEC)
field("lock.old_mode", "uint8", "Old mode", base.DEC, MODES)
field("lock.new_mode", "uint8", "New mode", base.DEC, MODES)
field("lock.count", "uint16", "Locks", base.DEC)

field("ref.blkno", "uint64", "Block", base.DEC)
field("ref.seq", "uint64", "Block's seq", base.DEC)
field("btree.height", "uint8", "Height", base.DEC)
field("list.total", "uint64", "Blocks in list", base.DEC)
field("list.first", "uint32", "Blocks in first list block", base.DEC)
field("list.flags", "uint32", "Flags", base.HEX)
field("alloc.total", "uint64", "Blocks", base.DEC)
field("alloc.flags", "uint32", "Flags", base.HEX)
field("srch.blocks", "uint64", "Blocks", base.DEC)
field("srch.entries", "uint64", "Entries", base.DEC)
field("srch.height", "uint8", "Height", base.DEC)

field("inodes.count", "uint64", "Inodes wanted", base.DEC)
field("inodes.first", "uint64", "First inode", base.DEC)
field("inodes.given", "uint64", "Inodes given", base.DEC)
field("last_seq", "uint64", "Last seq", base.DEC)
field("omap.group", "uint64", "Inode group", base.DEC)
field("omap.req_id", "uint64", "Map request id", base.DEC)
field("omap.bits", "bytes", "Open inodes, a bit each")
field("volopt.set", "uint64", "Options set", base.HEX)
field("volopt.zone_blocks", "uint64", "data_alloc_zone_blocks", base.DEC)
field("resize.meta", "uint64", "New metadata blocks", base.DEC)
field("resize.data", "uint64", "New data blocks", base.DEC)
field("statfs.uuid", "bytes", "UUID")
field("statfs.free_meta", "uint64", "Free metadata blocks", base.DEC)
field("statfs.total_meta", "uint64", "Metadata blocks", base.DEC)
field("statfs.free_data", "uint64", "Free data blocks", base.DEC)
field("statfs.total_data", "uint64", "Data blocks", base.DEC)
field("statfs.inodes", "uint64", "Inodes", base.DEC)
field("trees.zone_blocks", "uint64", "Data allocation zone blocks", base.DEC)
field("trees.inode_delta", "int64", "Change of inode count", base.DEC)
field("trees.get_seq", "uint64", "Transaction opened as", base.DEC)
field("trees.commit_seq", "uint64", "Transaction committed as", base.DEC)
field("trees.max_item_seq", "uint64", "Highest item seq", base.DEC)
field("trees.finalize_seq", "uint64", "Finalized as", base.DEC)
field("trees.rid", "uint64", "rid", base.HEX)
field("trees.nr", "uint64", "Number", base.DEC)
field("trees.flags", "uint64", "Flags", base.HEX)
field("compact.id", "uint64", "Compaction id", base.DEC)
field("compact.files", "uint8", "Input files", base.DEC)
field("compact.flags", "uint8", "Flags", base.HEX)
field("merge.input_seq", "uint64", "Input seq", base.DEC)
field("merge.rid", "uint64", "rid", base.HEX)
field("merge.seq", "uint64", "Seq", base.DEC)
field("merge.flags", "uint64", "Flags", base.HEX)

q.fsid = ProtoField.uint64("scoutfs_quorum.fsid", "Filesystem id", base.HEX)
q.version = ProtoField.uint64("scoutfs_quorum.version", "Version", base.DEC)
q.term = ProtoField.uint64("scoutfs_quorum.term", "Term", base.DEC)
q.type = ProtoField.uint8("scoutfs_quorum.type", "Type", base.DEC, QUORUM_TYPES)
q.from = ProtoField.uint8("scoutfs_quorum.from", "From slot", base.DEC)
q.pad = ProtoField.bytes("scoutfs_quorum.pad", "Padding")
q.crc = ProtoField.uint32("scoutfs_quorum.crc", "crc32c", base.HEX)
q.crc_good = ProtoField.bool("scoutfs_quorum.crc_good", "The checksum is right")

scoutfs.fields, quorum.fields = f, q

---- expert information ----

local e = {
	invalid = ProtoExpert.new("scoutfs.invalid", "Not a message of scoutfs", expert.group.MALFORMED, expert.severity.ERROR),
	cut = ProtoExpert.new("scoutfs.cut", "Message cut short in the capture", expert.group.UNDECODED, expert.severity.NOTE),
	failed = ProtoExpert.new("scoutfs.failed", "Response with an error", expert.group.RESPONSE_CODE, expert.severity.NOTE),
	unasked = ProtoExpert.new("scoutfs.unasked", "Response to a request that is not in the capture", expert.group.SEQUENCE,
		expert.severity.NOTE),
	again = ProtoExpert.new("scoutfs.again", "Message sent again, with the seq it had", expert.group.SEQUENCE, expert.severity.NOTE),
}
local bad_crc = ProtoExpert.new("scoutfs_quorum.bad_crc", "Wrong checksum", expert.group.CHECKSUM, expert.severity.ERROR)
scoutfs.experts = e
quorum.experts = { bad_crc }

---- preferences ----

scoutfs.prefs.ports = Pref.range("Ports", "", "TCP and UDP ports of quorum slots, as 19700-19702; not needed as a rule", 65535)
scoutfs.prefs.heuristic = Pref.bool("Recognise scoutfs on any port", true, "By the headers of messages, by the checksums of datagrams")

local ports_now = ""

function scoutfs.prefs_changed()
	local ports = tostring(scoutfs.prefs.ports)
	if ports == ports_now then
		return
	end
	local tcp, udp = DissectorTable.get("tcp.port"), DissectorTable.get("udp.port")
	if ports_now ~= "" then
		tcp:remove(ports_now, scoutfs)
		udp:remove(ports_now, quorum)
	end
	if ports ~= "" then
		tcp:add(ports, scoutfs)
		udp:add(ports, quorum)
	end
	ports_now = ports
end

---- what is remembered of a capture: which message answers which ----

local asked     -- stream, asking end, id and command -> the request
local sent      -- stream, sending end and seq -> the message that had it first
local found     -- frame and place in it -> { of, time, again } as found when the frame was seen first
local stream_of = Field.new("tcp.stream")

function scoutfs.init()
	asked, sent, found = {}, {}, {}
end

---- one message ----

local function size_fits(cmd, response, failed, n)
	local sizes = SIZES[cmd]
	if not sizes then
		return false
	end
	if response and failed then
		return n == 0
	end
	local want = sizes[response and 2 or 1]
	if want >= 0 then
		return n == want
	end
	return n >= 8 and n <= DATA_MAX and (n - 8) % 48 == 0
end

-- Would scoutfs take the 32 bytes at @at as a header? Returns its whole length if so.
local function header_at(tvb, at)
	local cmd, flags, failed = tvb(at + 26, 1):uint(), tvb(at + 27, 1):uint(), tvb(at + 28, 1):uint()
	local n = tvb(at + 24, 2):le_uint()
	if cmd > 19 or flags > 1 or failed > 6 or (failed > 0 and flags == 0) then
		return nil
	end
	if tvb(at + 29, 1):uint() ~= 0 or tvb(at + 30, 2):uint() ~= 0 then
		return nil
	end
	if (tvb(at, 4):uint() == 0 and tvb(at + 4, 4):uint() == 0) or (tvb(at + 16, 4):uint() == 0 and tvb(at + 20, 4):uint() == 0) then
		return nil
	end
	if not size_fits(cmd, flags == 1, failed > 0, n) then
		return nil
	end
	return HEADER + n
end

local function number(range)
	return tostring(range:le_uint64())
end

-- zone.first.type.second.third.fourth, as scoutfs prints and traces them.
local function add_key(tree, name, range)
	local text = string.format("%d.%s.%d.%s.%s.%d", range(25, 1):uint(), number(range(0, 8)), range(26, 1):uint(), number(range(8, 8)),
		number(range(16, 8)), range(24, 1):uint())
	local branch = tree:add(f.key, range, text)
	branch:set_text(name .. ": " .. text)
	branch:add(f.key_zone, range(25, 1))
	branch:add_le(f.key_first, range(0, 8))
	branch:add(f.key_type, range(26, 1))
	branch:add_le(f.key_second, range(8, 8))
	branch:add_le(f.key_third, range(16, 8))
	branch:add(f.key_fourth, range(24, 1))
	return text
end

local function mode_name(range)
	return MODES[range:uint()] or "?"
end

local function add_lock(tree, range, name)
	local branch = tree:add(range, name or "Lock")
	local key = add_key(branch, "Key", range(0, 32))
	branch:add_le(f.lock_write_seq, range(32, 8))
	branch:add(f.lock_old_mode, range(40, 1))
	branch:add(f.lock_new_mode, range(41, 1))
	local text = string.format("%s %s > %s", key, mode_name(range(40, 1)), mode_name(range(41, 1)))
	branch:append_text(": " .. text)
	return text
end

local function add_ref(tree, name, range)
	local branch = tree:add(range, name)
	branch:add_le(f.ref_blkno, range(0, 8))
	branch:add_le(f.ref_seq, range(8, 8))
	return branch
end

local function add_root(tree, name, range) -- 24 bytes
	local branch = add_ref(tree, name, range)
	branch:add(f.btree_height, range(16, 1))
end

local function add_list(tree, name, range) -- 32
	local branch = add_ref(tree, name, range)
	branch:add_le(f.list_total, range(16, 8))
	branch:add_le(f.list_first, range(24, 4))
	branch:add_le(f.list_flags, range(28, 4))
end

local function add_alloc(tree, name, range) -- 40
	local branch = tree:add(range, name)
	branch:add_le(f.alloc_total, range(0, 8))
	branch:add_le(f.alloc_flags, range(8, 4))
	add_root(branch, "Root", range(16, 24))
end

local function add_srch_file(tree, name, range) -- 88
	local branch = tree:add(range, name)
	add_ref(branch, "Root", range(48, 16))
	branch:add_le(f.srch_blocks, range(64, 8))
	branch:add_le(f.srch_entries, range(72, 8))
	branch:add(f.srch_height, range(80, 1))
end

local function add_log_trees(tree, d)
	add_list(tree, "Metadata to use", d(0, 32))
	add_list(tree, "Metadata freed", d(32, 32))
	add_root(tree, "Items", d(64, 24))
	add_ref(tree, "Bloom filter", d(88, 16))
	add_alloc(tree, "Data to use", d(104, 40))
	add_alloc(tree, "Data freed", d(144, 40))
	add_srch_file(tree, "Search file", d(184, 88))
	tree:add_le(f.trees_zone_blocks, d(272, 8))
	tree:add_le(f.trees_inode_delta, d(408, 8))
	tree:add_le(f.trees_get_seq, d(416, 8))
	tree:add_le(f.trees_commit_seq, d(424, 8))
	tree:add_le(f.trees_max_item_seq, d(432, 8))
	tree:add_le(f.trees_finalize_seq, d(440, 8))
	tree:add_le(f.trees_rid, d(448, 8))
	tree:add_le(f.trees_nr, d(456, 8))
	tree:add_le(f.trees_flags, d(464, 8))
	return "nr " .. number(d(456, 8))
end

local function add_compact(tree, d)
	add_list(tree, "Metadata to use", d(0, 32))
	add_list(tree, "Metadata freed", d(32, 32))
	tree:add_le(f.compact_id, d(64, 8))
	tree:add(f.compact_files, d(72, 1))
	tree:add(f.compact_flags, d(73, 1))
	add_srch_file(tree, "Output", d(80, 88))
	for i = 0, math.min(d(72, 1):uint(), 4) - 1 do
		add_srch_file(tree, "Input " .. i, d(168 + 104 * i, 88))
	end
	return d(72, 1):uint() .. " files"
end

local function add_merge_request(tree, d)
	add_list(tree, "Metadata to use", d(0, 32))
	add_list(tree, "Metadata freed", d(32, 32))
	add_root(tree, "Logs", d(64, 24))
	add_root(tree, "Root", d(88, 24))
	add_key(tree, "Start", d(112, 32))
	add_key(tree, "End", d(144, 32))
	tree:add_le(f.merge_input_seq, d(176, 8))
	tree:add_le(f.merge_rid, d(184, 8))
	tree:add_le(f.merge_seq, d(192, 8))
	tree:add_le(f.merge_flags, d(200, 8))
end

local function add_merge_complete(tree, d)
	add_list(tree, "Metadata to use", d(0, 32))
	add_list(tree, "Metadata freed", d(32, 32))
	add_root(tree, "Root", d(64, 24))
	add_key(tree, "Start", d(88, 32))
	add_key(tree, "End", d(120, 32))
	add_key(tree, "Remain", d(152, 32))
	tree:add_le(f.merge_rid, d(184, 8))
	tree:add_le(f.merge_seq, d(192, 8))
	tree:add_le(f.merge_flags, d(200, 8))
end

local function add_greeting(tree, d)
	tree:add_le(f.greeting_fsid, d(0, 8))
	tree:add_le(f.greeting_version, d(8, 8))
	tree:add_le(f.greeting_server_term, d(16, 8))
	tree:add_le(f.greeting_rid, d(24, 8))
	local flags = tree:add_le(f.greeting_flags, d(32, 8))
	flags:add_le(f.greeting_farewell, d(32, 8))
	flags:add_le(f.greeting_quorum, d(32, 8))
	return string.format("rid %s term %s", d(24, 8):le_uint64():tohex(), number(d(16, 8)))
end

local function add_volopt(tree, d)
	tree:add_le(f.volopt_set, d(0, 8))
	tree:add_le(f.volopt_zone_blocks, d(8, 8))
end

local function add_omap(tree, d)
	tree:add_le(f.omap_group, d(0, 8))
	tree:add_le(f.omap_req_id, d(8, 8))
	if d:len() > 16 then
		tree:add(f.omap_bits, d(16))
	end
	return "group " .. number(d(0, 8))
end

-- By command: what is in the data of a request, of a response. Each may return words for the summary.
local BODIES = {
	[0] = { add_greeting, add_greeting },
	[1] = {
		function(tree, d) tree:add_le(f.inodes_count, d(0, 8)) end,
		function(tree, d)
			tree:add_le(f.inodes_first, d(0, 8))
			tree:add_le(f.inodes_given, d(8, 8))
		end,
	},
	[2] = { nil, add_log_trees },
	[3] = { add_log_trees, nil },
	[5] = { nil, function(tree, d)
		add_root(tree, "Filesystem root", d(0, 24))
		add_root(tree, "Logs root", d(24, 24))
		add_root(tree, "Search root", d(48, 24))
	end },
	[6] = { nil, function(tree, d) tree:add_le(f.last_seq, d(0, 8)) end },
	[7] = { add_lock, add_lock },
	[8] = {
		function(tree, d) return "from " .. add_key(tree, "From key", d) end,
		function(tree, d)
			tree:add_le(f.lock_count, d(0, 2))
			for i = 0, math.floor((d:len() - 8) / 48) - 1 do
				add_lock(tree, d(8 + 48 * i, 48), "Lock " .. i)
			end
			return d(0, 2):le_uint() .. " locks"
		end,
	},
	[9] = { nil, add_compact },
	[10] = { add_compact, nil },
	[11] = { nil, add_merge_request },
	[12] = { add_merge_complete, nil },
	[13] = { add_omap, add_omap },
	[14] = { nil, add_volopt },
	[15] = { add_volopt, nil },
	[16] = { add_volopt, nil },
	[17] = { function(tree, d)
		tree:add_le(f.resize_meta, d(0, 8))
		tree:add_le(f.resize_data, d(8, 8))
	end, nil },
	[18] = { nil, function(tree, d)
		tree:add(f.statfs_uuid, d(0, 16))
		tree:add_le(f.statfs_free_meta, d(16, 8))
		tree:add_le(f.statfs_total_meta, d(24, 8))
		tree:add_le(f.statfs_free_data, d(32, 8))
		tree:add_le(f.statfs_total_data, d(40, 8))
		tree:add_le(f.statfs_inodes, d(48, 8))
	end },
}

-- Which message this one answers, and which had its seq before; found when the frame is seen first, then remembered.
-- @place tells apart the messages of a frame.
local function remember(pinfo, place, cmd, response, id, seq)
	local key = pinfo.number .. "/" .. place
	if pinfo.visited then
		return found[key] or {}
	end

	local stream = tostring(stream_of().value) .. "/"
	local me = stream .. tostring(pinfo.src) .. ":" .. pinfo.src_port .. "/"
	local peer = stream .. tostring(pinfo.dst) .. ":" .. pinfo.dst_port .. "/"
	local known = { frame = pinfo.number, time = pinfo.rel_ts }
	found[key] = known

	-- A greeting stands outside the order of the others.
	if cmd ~= 0 then
		known.again = sent[me .. seq]
		sent[me .. seq] = sent[me .. seq] or pinfo.number
	end
	if response then
		known.is_response = true
		known.of = asked[peer .. id .. "/" .. cmd]
		if known.of and not known.of.answer then
			known.of.answer = known
		end
	elseif not known.again then
		asked[me .. id .. "/" .. cmd] = known
	end
	return known
end

-- Seconds, never before 0: a clock may have been set back.
local function as_time(seconds)
	local ns = math.floor(math.max(seconds, 0) * 1000000000 + 0.5)
	return NSTime.new(math.floor(ns / 1000000000), math.floor(ns % 1000000000))
end

local function add_matching(tree, known, failed)
	if known.again then
		tree:add(f.sent_before_in, known.again):set_generated()
		tree:add_proto_expert_info(e.again)
	end
	if known.of then
		tree:add(f.request_in, known.of.frame):set_generated()
		tree:add(f.time, as_time(known.time - known.of.time)):set_generated()
	elseif known.is_response then
		tree:add_proto_expert_info(e.unasked)
	elseif known.answer then
		tree:add(f.response_in, known.answer.frame):set_generated()
	end
	if failed > 0 then
		tree:add_proto_expert_info(e.failed, "Response with the error " .. (ERRORS[failed] or failed))
	end
end

-- A message of @whole bytes at @at, of which some may not have been captured.
local function add_message(tvb, at, whole, place, pinfo, tree)
	local there = math.min(whole, tvb:len() - at)
	local header = tvb(at, HEADER)
	local cmd, response, failed = header(26, 1):uint(), header(27, 1):uint() == 1, header(28, 1):uint()
	local id, seq = number(header(16, 8)), number(header(0, 8))
	local name = COMMANDS[cmd] .. (response and " response" or " request")
	local branch = tree:add(scoutfs, tvb(at, there), "scoutfs " .. name)

	branch:add_le(f.seq, header(0, 8))
	branch:add_le(f.recv_seq, header(8, 8))
	branch:add_le(f.id, header(16, 8))
	branch:add_le(f.data_len, header(24, 2))
	branch:add(f.cmd, header(26, 1))
	branch:add(f.flags, header(27, 1)):add(f.response, header(27, 1))
	branch:add(f.error, header(28, 1))
	branch:add(f.pad, header(29, 3))
	local words
	if there > HEADER then
		local data = tvb(at + HEADER, there - HEADER)
		local body = BODIES[cmd] and BODIES[cmd][response and 2 or 1]
		local twig = branch:add(f.data, data)
		if there == whole and body then
			words = body(twig, data)
		end
	end
	if there < whole then
		branch:add_proto_expert_info(e.cut)
	end
	add_matching(branch, remember(pinfo, place, cmd, response, id, seq), failed)

	local text = name .. " id " .. id .. (words and " " .. words or "") .. (failed > 0 and " " .. (ERRORS[failed] or "?") or "")
	branch:set_text("scoutfs " .. text .. ", seq " .. seq)
	return text
end

---- TCP ----

-- All messages in the buffer. Returns the bytes used; 0 when it does not begin with one.
local function dissect_tcp(tvb, pinfo, tree)
	local at, n, place, texts = 0, tvb:len(), 0, {}

	pinfo.cols.protocol = "SCOUTFS"
	while at < n do
		local whole
		if n - at < HEADER then
			if n == tvb:reported_len() and pinfo.can_desegment > 0 then
				pinfo.desegment_offset = at
				pinfo.desegment_len = DESEGMENT_ONE_MORE_SEGMENT
				break
			end
			tree:add(scoutfs, tvb(at), "scoutfs: part of a header"):add_proto_expert_info(e.cut)
			texts[#texts + 1] = "(cut)"
			break
		end
		whole = header_at(tvb, at)
		if not whole then
			if at == 0 and place == 0 then
				-- The capture began within a message, or lost packets: the next segment begins with one.
				tree:add(scoutfs, tvb(at), "scoutfs: not the beginning of a message"):add_proto_expert_info(e.invalid)
				texts[1] = "(within a message)"
			else
				tree:add(scoutfs, tvb(at), "scoutfs: no message"):add_proto_expert_info(e.invalid)
				texts[#texts + 1] = "(no message)"
			end
			break
		end
		if n - at < whole and n == tvb:reported_len() and pinfo.can_desegment > 0 then
			pinfo.desegment_offset = at
			pinfo.desegment_len = whole - (n - at)
			break
		end
		place = place + 1
		texts[#texts + 1] = add_message(tvb, at, whole, place, pinfo, tree)
		at = at + whole
	end
	if #texts > 0 then
		pinfo.cols.info = table.concat(texts, "; ")
	end
	return n
end

function scoutfs.dissector(tvb, pinfo, tree)
	return dissect_tcp(tvb, pinfo, tree)
end

-- No honest counter reaches 2^48; what merely reads as a header often does.
local function small(tvb, at)
	return tvb(at + 6, 2):uint() == 0
end

-- Is this scoutfs? A header with small numbers, and either another one behind its data, or its data goes on
-- in the next segment or ends with this one.
local function looks_like_messages(tvb)
	local n = tvb:len()
	if n < HEADER then
		return false
	end
	local whole = header_at(tvb, 0)
	if not whole or not small(tvb, 0) or not small(tvb, 8) or not small(tvb, 16) then
		return false
	end
	if n >= whole + HEADER then
		return header_at(tvb, whole) ~= nil
	end
	return n <= whole
end

local function heuristic_tcp(tvb, pinfo, tree)
	if not scoutfs.prefs.heuristic or not looks_like_messages(tvb) then
		return false
	end
	pinfo.conversation = scoutfs
	dissect_tcp(tvb, pinfo, tree)
	return true
end

---- UDP ----

local CRC = {}
for i = 0, 255 do
	local c = i
	for _ = 1, 8 do
		c = bit.bxor(bit.rshift(c, 1), bit.band(c, 1) ~= 0 and 0x82f63b78 or 0)
	end
	CRC[i] = c
end

-- crc32c of the first 28 bytes, begun with all ones and not inverted at the end.
local function crc_of(tvb)
	local bytes, c = tvb(0, 28):bytes(), 0xffffffff
	for i = 0, 27 do
		c = bit.bxor(bit.rshift(c, 8), CRC[bit.band(bit.bxor(c, bytes:get_index(i)), 255)])
	end
	return c % 4294967296 -- the operations are signed
end

local function dissect_udp(tvb, pinfo, tree)
	if tvb:len() ~= 32 then
		return 0
	end
	local good = crc_of(tvb) == tvb(28, 4):le_uint()
	local branch = tree:add(quorum, tvb(0, 32))
	branch:add_le(q.fsid, tvb(0, 8))
	branch:add_le(q.version, tvb(8, 8))
	branch:add_le(q.term, tvb(16, 8))
	branch:add(q.type, tvb(24, 1))
	branch:add(q.from, tvb(25, 1))
	branch:add(q.pad, tvb(26, 2))
	branch:add_le(q.crc, tvb(28, 4))
	branch:add(q.crc_good, tvb(28, 4), good):set_generated()
	if not good then
		branch:add_proto_expert_info(bad_crc, string.format("Wrong checksum, should be 0x%08x", crc_of(tvb)))
	end

	local text = string.format("%s from slot %d, term %s", QUORUM_TYPES[tvb(24, 1):uint()] or "?", tvb(25, 1):uint(), number(tvb(16, 8)))
	branch:append_text(", " .. text)
	pinfo.cols.protocol = "SCOUTFS-Q"
	pinfo.cols.info = text
	return 32
end

function quorum.dissector(tvb, pinfo, tree)
	return dissect_udp(tvb, pinfo, tree)
end

local function heuristic_udp(tvb, pinfo, tree)
	if not scoutfs.prefs.heuristic or tvb:len() ~= 32 or tvb:reported_len() ~= 32 or crc_of(tvb) ~= tvb(28, 4):le_uint() then
		return false
	end
	pinfo.conversation = quorum
	return dissect_udp(tvb, pinfo, tree) == 32
end

scoutfs:register_heuristic("tcp", heuristic_tcp)
quorum:register_heuristic("udp", heuristic_udp)
DissectorTable.get("tcp.port"):add_for_decode_as(scoutfs)
DissectorTable.get("udp.port"):add_for_decode_as(quorum)
