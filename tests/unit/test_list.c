/* SPDX-License-Identifier: MIT */

#include "fixture.h"

#include "base/list.h"

struct letter {
        char letter;
        struct hark_list link;
};

static struct letter letters[] = {{.letter = 'a'}, {.letter = 'b'}, {.letter = 'c'}};

/* The letters of the list, in order; static. */
static const char *read_list(const struct hark_list *head)
{
        static char text[8];
        size_t size = 0;

        hark_list_for_each (link, head)
                text[size++] = hark_container_of(link, struct letter, link)->letter;
        text[size] = '\0';
        return text;
}

static void fill(struct hark_list *head)
{
        hark_list_init(head);
        for (size_t i = 0; i < 3; i++)
                hark_list_push_back(head, &letters[i].link);
}

START_TEST(keeps_the_order_of_insertion)
{
        struct hark_list head;

        fill(&head);
        ck_assert_str_eq(read_list(&head), "abc");
        hark_list_remove(&letters[2].link);
        hark_list_push_front(&head, &letters[2].link);
        ck_assert_str_eq(read_list(&head), "cab");
        hark_list_remove(&letters[2].link);
        hark_list_insert_before(&letters[1].link, &letters[2].link);
        ck_assert_str_eq(read_list(&head), "acb");
}
END_TEST

START_TEST(removes_twice_without_harm)
{
        struct hark_list head;

        fill(&head);
        hark_list_remove(&letters[1].link);
        hark_list_remove(&letters[1].link);
        ck_assert_str_eq(read_list(&head), "ac");
        ck_assert(hark_list_is_empty(&letters[1].link));
}
END_TEST

START_TEST(knows_when_it_is_empty)
{
        struct hark_list head;

        fill(&head);
        ck_assert_ptr_eq(hark_list_first(&head), &letters[0].link);
        for (size_t i = 0; i < 3; i++) {
                ck_assert(!hark_list_is_empty(&head));
                hark_list_remove(&letters[i].link);
        }
        ck_assert(hark_list_is_empty(&head));
        ck_assert_ptr_null(hark_list_first(&head));
}
END_TEST

START_TEST(lets_the_current_link_go_while_it_walks)
{
        struct hark_list head;
        unsigned n = 0;

        fill(&head);
        hark_list_for_each (link, &head) {
                hark_list_remove(link);
                n++;
        }
        ck_assert_uint_eq(n, 3);
        ck_assert(hark_list_is_empty(&head));
}
END_TEST

FIXTURE_MAIN("list", keeps_the_order_of_insertion, removes_twice_without_harm,
             knows_when_it_is_empty, lets_the_current_link_go_while_it_walks)
