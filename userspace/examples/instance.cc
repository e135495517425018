// SPDX-License-Identifier: MIT
/*
 * Use the library from C++: a pool and an instance that clean up in their destructors.
 */
#include <cstdio>
#include <cstring>
#include <memory>
#include <system_error>

#include <slotpool.h>

static void check(int ret)
{
	if (ret < 0)
		throw std::system_error(-ret, std::generic_category(), "slotpool");
}

class Pool {
public:
	Pool()
	{
		struct slotpool *handle;

		check(slotpool_open(nullptr, &handle));
		pool.reset(handle);
		check(slotpool_map(handle, 0, slotpool_info(handle)->nr_slots));
	}

	struct slotpool *get() const
	{
		return pool.get();
	}

private:
	struct Close {
		void operator()(struct slotpool *handle) const
		{
			slotpool_close(handle);
		}
	};
	std::unique_ptr<struct slotpool, Close> pool;
};

class Instance {
public:
	Instance(const Pool &pool, uint64_t program) : pool(pool.get())
	{
		struct slotpool_alloc_args alloc = {};

		alloc.flags = SLOTPOOL_ALLOC_KEY;
		alloc.key = program;
		check(slotpool_alloc(this->pool, &alloc));
		slot = alloc.slot;
	}

	Instance(const Instance &) = delete;
	Instance &operator=(const Instance &) = delete;

	~Instance()
	{
		slotpool_free(pool, slot, 0, nullptr);
	}

	char *memory() const
	{
		return static_cast<char *>(slotpool_address(pool, slot));
	}

private:
	struct slotpool *pool;
	uint32_t slot;
};

int main()
try {
	Pool pool;
	Instance instance(pool, 1);

	std::puts(std::strcpy(instance.memory(), "an instance in C++"));
	return 0;
} catch (const std::exception &error) {
	std::fprintf(stderr, "instance: %s\n", error.what());
	return 1;
}
