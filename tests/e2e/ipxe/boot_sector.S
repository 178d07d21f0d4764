# A disk that tests its own boot: reads 32 stretches of 32 sectors through INT 13h, prints the sum of their 32-bit words to the
# serial port, writes one sector made from that sum, and ends the machine. The host computes the same from the image.
# Where and how much: the same numbers are in scenarios/ipxe.sh.

        .code16
        .set    SERIAL, 0x3f8
        .set    EXIT, 0xf4                      # isa-debug-exit
        .set    BUFFER_SEGMENT, 0x1000
        .set    STRETCHES, 32
        .set    STRIDE, 1037                    # odd, so that stretches begin anywhere in a 4096-byte block
        .set    STRETCH_SECTORS, 32
        .set    WRITTEN_SECTOR, 32761

        .globl  _start
_start:
        ljmp    $0, $begin
begin:
        cli
        xorw    %ax, %ax
        movw    %ax, %ds
        movw    %ax, %ss
        movw    $_start, %sp
        movw    $BUFFER_SEGMENT, %ax
        movw    %ax, %es
        sti
        cld
        movb    %dl, drive
        xorl    %ebx, %ebx                      # the sum
        movw    $STRETCHES, %bp

next_stretch:
        movb    $0x42, %ah                      # extended read
        call    disk
        movw    $(STRETCH_SECTORS * 512 / 4), %cx
        xorw    %di, %di
add_word:
        addl    %es:(%di), %ebx
        addw    $4, %di
        loop    add_word
        addl    $STRIDE, packet_sector
        decw    %bp
        jnz     next_stretch

        movw    $text_sum, %si
        call    print
        call    print_hexadecimal

        movw    $128, %cx                       # word i of the sector is the sum plus i
        xorw    %di, %di
        movl    %ebx, %eax
fill_word:
        stosl
        incl    %eax
        loop    fill_word
        movl    $WRITTEN_SECTOR, packet_sector
        movw    $1, packet_count
        movw    $0x4300, %ax                    # extended write, no verification
        call    disk
        movw    $text_done, %si
end:
        call    print
        movw    $EXIT, %dx
        xorl    %eax, %eax
        outl    %eax, %dx
stop:
        hlt
        jmp     stop

disk:
        movb    drive, %dl
        movw    $packet, %si
        int     $0x13
        jc      disk_error
        ret
disk_error:
        movw    $text_error, %si
        jmp     end

print:                                          # text at %si, ends with a zero
        lodsb
        testb   %al, %al
        jz      print_end
        call    print_character
        jmp     print
print_end:
        ret

print_hexadecimal:                              # %ebx, eight digits
        movw    $8, %cx
digit:
        roll    $4, %ebx
        movb    %bl, %al
        andb    $15, %al
        addb    $'0', %al
        cmpb    $'9', %al
        jbe     digit_ready
        addb    $('a' - '9' - 1), %al
digit_ready:
        call    print_character
        loop    digit
        ret

print_character:
        pushw   %ax
        movw    $(SERIAL + 5), %dx
wait_for_room:
        inb     %dx, %al
        testb   $0x20, %al
        jz      wait_for_room
        popw    %ax
        movw    $SERIAL, %dx
        outb    %al, %dx
        ret

text_sum:       .asciz "\nsum "
text_done:      .asciz "\ndone\n"
text_error:     .asciz "\ndisk error\n"
drive:          .byte 0

        .balign 4
packet:         .byte 16, 0
packet_count:   .word STRETCH_SECTORS
                .word 0, BUFFER_SEGMENT         # offset, segment
packet_sector:  .long 0, 0

        .org    446                             # one active partition, from which iPXE takes the geometry
        .byte   0x80, 1, 1, 0, 0x83, 15, 63, 31
        .long   63, 32193
        .org    510
        .word   0xaa55
