// SPDX-License-Identifier: GPL-2.0-only
/*
 * A stand-in for the scoutfs module, for tests in a guest.
 *
 * It has what scoutfs-trace looks at: a file system type scoutfs that mounts (in memory), trace
 * events under the real names, /sys/fs/scoutfs/f.FSID.r.RID, and kernel-log lines that come from
 * the kernel. None of it happens by itself: a test drives it through /proc/scoutfs-control, one
 * command a write:
 *
 *   fire EVENT N [NAME=VALUE]...     fire an event N times; NAME: see fire.h
 *   storm EVENT N RATE               the same in the background on every CPU, RATE a second
 * together (0: as fast as it goes); "storm stop" ends it print LEVEL LINE                 one line
 * through printk flood LEVEL N LINE               N lines, each ending in its number
 *
 * Reading it gives "NAME COUNT" for each event, "fired COUNT", "mono NANOSECONDS" (read after the
 * counts, so all that is counted is older) and "storming 0|1".
 *
 * "seq" counts up by itself from event to event, unless it is given: a gap in it is a lost event.
 */
#include <linux/delay.h>
#include <linux/fs.h>
#include <linux/kthread.h>
#include <linux/magic.h>
#include <linux/module.h>
#include <linux/pagemap.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/statfs.h>

#include "fire.h"

#define CREATE_TRACE_POINTS
#include "scoutfs_trace.h"

#define SCOUTFS_MAGIC 0x554f4353 /* what statfs() says of the real one */
#define GUEST_FSID 0x3d167d0000000001ULL
#define GUEST_RID 0xd8ec8b0000000001ULL
#define COMMAND_MAX 2048
#define STORM_CPUS_MAX 64

/* ---- events ---- */

#define EVENTS(X)                                                                     \
	X(scoutfs_conn_shutdown_queued)                                               \
	X(scoutfs_conn_shutdown_complete) X(scoutfs_conn_destroy_start)               \
		X(scoutfs_net_send_message) X(scoutfs_net_recv_message)               \
			X(scoutfs_quorum_send_message) X(scoutfs_quorum_recv_message) \
				X(scoutfs_quorum_loop) X(scoutfs_server_client_up)    \
					X(scoutfs_server_client_down) X(scoutfs_lock_locked)

#define EVENT_FIRE(name)                              \
	static void fire_##name(const struct fire *f) \
	{                                             \
		trace_##name(f);                      \
	}
EVENTS(EVENT_FIRE)

static struct event {
	const char *name;
	void (*fire)(const struct fire *f);
	atomic64_t fired;
} events[] = {
#define EVENT_ROW(name) {#name, fire_##name, ATOMIC64_INIT(0)},
	EVENTS(EVENT_ROW)};

static const char *const value_names[] = {
#define VALUE_NAME(name) #name,
	FIRE_VALUES(VALUE_NAME)};

static atomic64_t seq_last = ATOMIC64_INIT(0);

static struct event *event_find(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(events); i++)
		if (!strcmp(events[i].name, name))
			return &events[i];
	return NULL;
}

static void fire_defaults(struct fire *f)
{
	memset(f, 0, sizeof(*f));
	f->v[FIRE_fsid] = GUEST_FSID;
	f->v[FIRE_rid] = GUEST_RID;
	f->v[FIRE_name_addr] = f->v[FIRE_peer_addr] = 0x7f000001;
	f->v[FIRE_name_port] = 19700;
	f->v[FIRE_peer_port] = 59816;
	f->v[FIRE_id] = 1;
}

static void fire_one(struct event *e, struct fire *f, bool own_seq)
{
	if (own_seq)
		f->v[FIRE_seq] = atomic64_inc_return(&seq_last);
	e->fire(f);
	atomic64_inc(&e->fired);
}

/* "NAME=VALUE NAME=VALUE" into @f. */
static int fire_values(struct fire *f, char *words, bool *ret_own_seq)
{
	char *word, *value;
	size_t i;
	int r;

	while ((word = strsep(&words, " "))) {
		if (!*word)
			continue;
		value = strchr(word, '=');
		if (!value)
			return -EINVAL;
		*value++ = '\0';
		for (i = 0; i < FIRE_COUNT; i++)
			if (!strcmp(value_names[i], word))
				break;
		if (i == FIRE_COUNT)
			return -EINVAL;
		r = kstrtou64(value, 0, &f->v[i]);
		if (r < 0)
			return r;
		if (i == FIRE_seq)
			*ret_own_seq = false;
	}
	return 0;
}

/* ---- storms ---- */

static struct storm {
	struct event *event;
	u64 rate; /* of one thread, a second; 0: no limit */
	atomic64_t left;
	atomic_t running;
	struct task_struct *threads[STORM_CPUS_MAX];
} storm;
static DEFINE_MUTEX(control_lock);

static int storm_thread(void *arg)
{
	u64 begun = ktime_get_ns(), mine = 0;
	struct fire f;

	fire_defaults(&f);
	while (!kthread_should_stop() && atomic64_dec_return(&storm.left) >= 0) {
		fire_one(storm.event, &f, true);
		mine++;
		/* Ahead of the rate: rest. The fires of a millisecond come together. */
		if (storm.rate && div64_u64(mine * NSEC_PER_SEC, storm.rate) >
					  ktime_get_ns() - begun + NSEC_PER_MSEC)
			usleep_range(1000, 1200);
		if (!(mine & 255))
			cond_resched();
	}
	atomic_dec(&storm.running);
	while (!kthread_should_stop())
		msleep_interruptible(10);
	return 0;
}

static void storm_stop(void)
{
	int i;

	for (i = 0; i < STORM_CPUS_MAX; i++) {
		if (storm.threads[i])
			kthread_stop(storm.threads[i]);
		storm.threads[i] = NULL;
	}
}

static int storm_start(struct event *e, u64 n, u64 rate)
{
	int cpu, i = 0, cpus = min_t(int, num_online_cpus(), STORM_CPUS_MAX);
	struct task_struct *t;

	storm_stop();
	storm.event = e;
	storm.rate = rate ? max_t(u64, div64_u64(rate, cpus), 1) : 0;
	atomic64_set(&storm.left, n);
	atomic_set(&storm.running, cpus);
	for_each_online_cpu(cpu)
	{
		if (i == cpus)
			break;
		t = kthread_create(storm_thread, NULL, "scoutfs-storm/%d", cpu);
		if (IS_ERR(t)) {
			storm_stop();
			return PTR_ERR(t);
		}
		storm.threads[i++] = t;
		wake_up_process(t);
	}
	return 0;
}

/* ---- the control file ---- */

static int level_of(const char *word)
{
	return word && word[0] >= '0' && word[0] <= '7' && !word[1] ? word[0] - '0' : -EINVAL;
}

static void print_line(int level, const char *line)
{
	static const char *const levels[] = {KERN_EMERG,   KERN_ALERT,	KERN_CRIT, KERN_ERR,
					     KERN_WARNING, KERN_NOTICE, KERN_INFO, KERN_DEBUG};

	printk("%s%s\n", levels[level], line);
}

static int do_fire(char *args)
{
	struct event *e = event_find(strsep(&args, " ") ?: "");
	char *count = strsep(&args, " ");
	bool own_seq = true;
	struct fire f;
	u64 n;
	int r;

	if (!e || !count || kstrtou64(count, 0, &n))
		return -EINVAL;
	fire_defaults(&f);
	r = args ? fire_values(&f, args, &own_seq) : 0;
	while (r == 0 && n--)
		fire_one(e, &f, own_seq);
	return r;
}

static int do_storm(char *args)
{
	char *name = strsep(&args, " "), *count = strsep(&args, " ");
	struct event *e = name ? event_find(name) : NULL;
	u64 n, rate;

	if (name && !count && !strcmp(name, "stop")) {
		storm_stop();
		return 0;
	}
	if (!e || !count || !args || kstrtou64(count, 0, &n) || kstrtou64(args, 0, &rate))
		return -EINVAL;
	return storm_start(e, n, rate);
}

static int do_print(char *args)
{
	int level = level_of(strsep(&args, " "));

	if (level < 0 || !args)
		return -EINVAL;
	print_line(level, args);
	return 0;
}

static int do_flood(char *args)
{
	int level = level_of(strsep(&args, " "));
	char *count = strsep(&args, " "), *line;
	u64 n, i;

	if (level < 0 || !count || !args || kstrtou64(count, 0, &n))
		return -EINVAL;
	for (i = 0; i < n; i++) {
		line = kasprintf(GFP_KERNEL, "%s %llu", args, i);
		if (!line)
			return -ENOMEM;
		print_line(level, line);
		kfree(line);
		if (!(i & 255))
			cond_resched();
	}
	return 0;
}

static ssize_t control_write(struct file *file, const char __user *from, size_t n, loff_t *at)
{
	static const struct {
		const char *name;
		int (*run)(char *args);
	} commands[] = {
		{"fire", do_fire}, {"storm", do_storm}, {"print", do_print}, {"flood", do_flood}};
	char *buf, *args, *name;
	int r = -EINVAL;
	size_t i;

	if (n == 0 || n > COMMAND_MAX)
		return -EINVAL;
	buf = memdup_user_nul(from, n);
	if (IS_ERR(buf))
		return PTR_ERR(buf);
	args = strim(buf);
	name = strsep(&args, " ");
	mutex_lock(&control_lock);
	for (i = 0; i < ARRAY_SIZE(commands); i++)
		if (args && !strcmp(commands[i].name, name))
			r = commands[i].run(args);
	mutex_unlock(&control_lock);
	kfree(buf);
	return r < 0 ? r : n;
}

static int control_show(struct seq_file *m, void *unused)
{
	u64 sum = 0, n;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(events); i++) {
		n = atomic64_read(&events[i].fired);
		sum += n;
		seq_printf(m, "%s %llu\n", events[i].name, n);
	}
	seq_printf(m, "fired %llu\nmono %llu\nstorming %d\n", sum, ktime_get_ns(),
		   atomic_read(&storm.running) > 0);
	return 0;
}

static int control_open(struct inode *inode, struct file *file)
{
	return single_open(file, control_show, NULL);
}

static const struct proc_ops control_ops = {
	.proc_open = control_open,
	.proc_read = seq_read,
	.proc_lseek = seq_lseek,
	.proc_release = single_release,
	.proc_write = control_write,
};

/* ---- /sys/fs/scoutfs ---- */

static ssize_t show_attr(struct kobject *kobj, struct kobj_attribute *a, char *buf)
{
	if (!strcmp(a->attr.name, "fsid"))
		return sprintf(buf, "%016llx\n", GUEST_FSID);
	if (!strcmp(a->attr.name, "rid"))
		return sprintf(buf, "%016llx\n", GUEST_RID);
	if (!strcmp(a->attr.name, "is_leader"))
		return sprintf(buf, "1\n");
	if (!strcmp(a->attr.name, "net_send_messages"))
		return sprintf(buf, "%lld\n",
			       (s64)atomic64_read(&event_find("scoutfs_net_send_message")->fired));
	return sprintf(buf, "0\n");
}

#define ATTR(name) static struct kobj_attribute attr_##name = __ATTR(name, 0444, show_attr, NULL)
ATTR(fsid);
ATTR(rid);
ATTR(is_leader);
ATTR(net_send_messages);
ATTR(net_recv_error);

static struct attribute *mount_attrs[] = {&attr_fsid.attr, &attr_rid.attr, NULL};
static struct attribute *quorum_attrs[] = {&attr_is_leader.attr, NULL};
static struct attribute *counter_attrs[] = {&attr_net_send_messages.attr, &attr_net_recv_error.attr,
					    NULL};
static const struct attribute_group mount_groups[] = {
	{.attrs = mount_attrs},
	{.name = "quorum", .attrs = quorum_attrs},
	{.name = "counters", .attrs = counter_attrs},
};
static const struct attribute_group *mount_group_list[] = {&mount_groups[0], &mount_groups[1],
							   &mount_groups[2], NULL};

static struct kobject *sysfs_root, *sysfs_mount;

static int sysfs_add(void)
{
	int r;

	sysfs_mount = kobject_create_and_add("f.3d167d.r.d8ec8b", sysfs_root);
	if (!sysfs_mount)
		return -ENOMEM;
	r = sysfs_create_groups(sysfs_mount, mount_group_list);
	if (r < 0) {
		kobject_put(sysfs_mount);
		sysfs_mount = NULL;
	}
	return r;
}

static void sysfs_remove(void)
{
	if (sysfs_mount)
		sysfs_remove_groups(sysfs_mount, mount_group_list);
	kobject_put(sysfs_mount);
	sysfs_mount = NULL;
}

/* ---- the file system: in memory, of libfs ---- */

static const struct inode_operations dir_inode_ops;

/* Room enough that a check of free space does not come before what is to be tested. */
static int fs_statfs(struct dentry *dentry, struct kstatfs *ret)
{
	int r = simple_statfs(dentry, ret);

	ret->f_blocks = ret->f_bfree = ret->f_bavail = 1 << 20;
	ret->f_files = ret->f_ffree = 1 << 20;
	return r;
}

static const struct super_operations super_ops = {
	.statfs = fs_statfs,
	.drop_inode = generic_delete_inode,
};
static const struct file_operations file_ops = {
	.read_iter = generic_file_read_iter,
	.write_iter = generic_file_write_iter,
	.mmap = generic_file_mmap,
	.fsync = noop_fsync,
	.llseek = generic_file_llseek,
};
static const struct inode_operations file_inode_ops = {
	.setattr = simple_setattr,
	.getattr = simple_getattr,
};

static struct inode *new_inode_of(struct super_block *sb, const struct inode *dir, umode_t mode)
{
	struct inode *inode = new_inode(sb);

	if (!inode)
		return NULL;
	inode->i_ino = get_next_ino();
	inode_init_owner(&init_user_ns, inode, dir, mode);
	inode->i_atime = inode->i_mtime = inode->i_ctime = current_time(inode);
	if (S_ISDIR(mode)) {
		inode->i_op = &dir_inode_ops;
		inode->i_fop = &simple_dir_operations;
		inc_nlink(inode);
	} else {
		inode->i_op = &file_inode_ops;
		inode->i_fop = &file_ops;
		inode->i_mapping->a_ops = &ram_aops;
		mapping_set_gfp_mask(inode->i_mapping, GFP_HIGHUSER);
		mapping_set_unevictable(inode->i_mapping);
	}
	return inode;
}

static int add_inode(struct inode *dir, struct dentry *dentry, umode_t mode)
{
	struct inode *inode = new_inode_of(dir->i_sb, dir, mode);

	if (!inode)
		return -ENOSPC;
	d_instantiate(dentry, inode);
	dget(dentry); /* memory is all there is: the entry stays */
	dir->i_mtime = dir->i_ctime = current_time(dir);
	return 0;
}

static int fs_create(struct user_namespace *ns, struct inode *dir, struct dentry *dentry,
		     umode_t mode, bool excl)
{
	return add_inode(dir, dentry, mode | S_IFREG);
}

static int fs_mkdir(struct user_namespace *ns, struct inode *dir, struct dentry *dentry,
		    umode_t mode)
{
	int r = add_inode(dir, dentry, mode | S_IFDIR);

	if (r == 0)
		inc_nlink(dir);
	return r;
}

static const struct inode_operations dir_inode_ops = {
	.create = fs_create,
	.lookup = simple_lookup,
	.link = simple_link,
	.unlink = simple_unlink,
	.mkdir = fs_mkdir,
	.rmdir = simple_rmdir,
	.rename = simple_rename,
};

static int fill_super(struct super_block *sb, void *options, int silent)
{
	struct inode *root;

	sb->s_magic = SCOUTFS_MAGIC;
	sb->s_op = &super_ops;
	sb->s_maxbytes = MAX_LFS_FILESIZE;
	sb->s_blocksize = PAGE_SIZE;
	sb->s_blocksize_bits = PAGE_SHIFT;
	root = new_inode_of(sb, NULL, S_IFDIR | 0755);
	sb->s_root = d_make_root(root);
	return sb->s_root ? sysfs_add() : -ENOMEM;
}

/* One mount at a time, as there is one rid. */
static struct dentry *fs_mount(struct file_system_type *type, int flags, const char *dev,
			       void *options)
{
	if (sysfs_mount)
		return ERR_PTR(-EBUSY);
	return mount_nodev(type, flags, options, fill_super);
}

static void fs_kill(struct super_block *sb)
{
	sysfs_remove();
	kill_litter_super(sb);
}

static struct file_system_type fs_type = {
	.owner = THIS_MODULE,
	.name = "scoutfs",
	.mount = fs_mount,
	.kill_sb = fs_kill,
};
MODULE_ALIAS_FS("scoutfs");

/* ---- in and out ---- */

static int __init scoutfs_init(void)
{
	int r;

	sysfs_root = kobject_create_and_add("scoutfs", fs_kobj);
	if (!sysfs_root)
		return -ENOMEM;
	r = register_filesystem(&fs_type);
	if (r == 0 && !proc_create("scoutfs-control", 0600, NULL, &control_ops)) {
		unregister_filesystem(&fs_type);
		r = -ENOMEM;
	}
	if (r < 0)
		kobject_put(sysfs_root);
	return r;
}

static void __exit scoutfs_exit(void)
{
	remove_proc_entry("scoutfs-control", NULL);
	storm_stop();
	unregister_filesystem(&fs_type);
	kobject_put(sysfs_root);
}

module_init(scoutfs_init);
module_exit(scoutfs_exit);
MODULE_LICENSE("GPL v2");
MODULE_DESCRIPTION("stand-in for scoutfs in the guest of scoutfs-trace's tests");
MODULE_VERSION("0-guest");
