/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The size of a page. It is signed, for tests compare it with results that may be errors.
 */
#ifndef SELFTESTS_LIB_PAGE_H
#define SELFTESTS_LIB_PAGE_H

#define PAGE 4096L

#endif /* SELFTESTS_LIB_PAGE_H */
