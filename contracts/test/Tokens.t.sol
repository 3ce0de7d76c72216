// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {ERC20Votes} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Votes.sol";

import {Genesis, IIO, Pools} from "../src/interfaces/IIO.sol";
import {IIOSD} from "../src/interfaces/IIOSD.sol";
import {Test} from "./support/Test.sol";
import {IVotingIO} from "./support/Voting.sol";

contract TokensTest is Test {
    address private constant ALICE = address(0xA11CE);
    address private constant BOB = address(0xB0B);
    address private constant MINTER = address(0x111);
    address private constant BURNER = address(0x222);
    address private constant ESCROW = address(0x333);
    uint256 private constant MAX = 22_300_000e18;
    /// @dev Settlement, escrow and distributor.
    address[3] private POOLS = [address(0x444), ESCROW, address(0x555)];

    IVotingIO private io;
    IIOSD private iosd;

    function setUp() external {
        io = createIo(1000e18);
        iosd = IIOSD(vm.deployCode("IOSD.sol:IOSD", abi.encode(BURNER, ESCROW)));
    }

    function createIo(uint256 amount) public returns (IVotingIO) {
        Genesis[] memory genesis = new Genesis[](1);
        genesis[0] = Genesis(ALICE, amount);
        return IVotingIO(
            vm.deployCode(
                "IO.sol:IO", abi.encode(MINTER, BURNER, Pools(POOLS[0], POOLS[1], POOLS[2]), genesis)
            )
        );
    }

    function test_genesisIsAllThereIsAtFirst() external view {
        vm.assertEq(io.balanceOf(ALICE), 1000e18);
        vm.assertEq(io.totalSupply(), 1000e18);
    }

    function test_neverExceedsTheMaximum() external {
        vm.prank(MINTER);
        io.mint(BOB, MAX - 1000e18);
        vm.assertEq(io.totalSupply(), MAX);
        vm.prank(MINTER);
        vm.expectRevert(abi.encodeWithSelector(ERC20Votes.ERC20ExceededSafeSupply.selector, MAX + 1, MAX));
        io.mint(BOB, 1);
        vm.expectRevert(abi.encodeWithSelector(ERC20Votes.ERC20ExceededSafeSupply.selector, MAX + 1, MAX));
        this.createIo(MAX + 1);
    }

    function testFuzz_onlyTheMinterMints(address caller) external {
        vm.assume(caller != MINTER);
        vm.prank(caller);
        vm.expectRevert(abi.encodeWithSelector(IIO.Unauthorized.selector, caller, MINTER));
        io.mint(caller, 1);
    }

    function testFuzz_onlyTheBurnerBurns(address caller) external {
        vm.assume(caller != BURNER);
        vm.prank(caller);
        vm.expectRevert(abi.encodeWithSelector(IIO.Unauthorized.selector, caller, BURNER));
        io.burnFrom(ALICE, 1);
    }

    function test_whatThePoolsHoldHasNoVotes() external {
        vm.assertEq(abi.encode(io.pools()), abi.encode(Pools(POOLS[0], POOLS[1], POOLS[2])));
        for (uint256 i = 0; i < POOLS.length; ++i) {
            vm.prank(POOLS[i]);
            io.delegate(BOB);
            vm.assertEq(io.delegates(POOLS[i]), address(0));
            vm.prank(ALICE);
            io.transfer(POOLS[i], 10);
        }
        vm.assertEq(io.getVotes(BOB), 0);
    }

    function testFuzz_everybodyElseDelegates(address account) external {
        vm.assume(account != address(0));
        for (uint256 i = 0; i < POOLS.length; ++i) {
            vm.assume(account != POOLS[i]);
        }
        vm.prank(account);
        io.delegate(BOB);
        vm.assertEq(io.delegates(account), BOB);
    }

    function test_burningSpendsTheAllowance() external {
        vm.prank(ALICE);
        io.approve(BURNER, 10);
        vm.prank(BURNER);
        io.burnFrom(ALICE, 4);
        vm.assertEq(io.allowance(ALICE, BURNER), 6);
        vm.assertEq(io.balanceOf(ALICE), 1000e18 - 4);
        vm.prank(BURNER);
        vm.expectRevert(
            abi.encodeWithSelector(IERC20Errors.ERC20InsufficientAllowance.selector, BURNER, 6, 7)
        );
        io.burnFrom(ALICE, 7);
    }

    function test_burnedSupplyCanBeMintedAgain() external {
        vm.prank(MINTER);
        io.mint(BOB, MAX - 1000e18);
        vm.prank(ALICE);
        io.approve(BURNER, 5);
        vm.prank(BURNER);
        io.burnFrom(ALICE, 5);
        vm.prank(MINTER);
        io.mint(BOB, 5);
        vm.assertEq(io.totalSupply(), MAX);
    }

    function test_countsVotesByTime() external {
        vm.warp(1_800_000_000);
        vm.assertEq(io.clock(), 1_800_000_000);
        vm.assertEq(io.CLOCK_MODE(), "mode=timestamp");
        vm.prank(ALICE);
        io.delegate(ALICE);
        vm.warp(1_800_000_100);
        vm.prank(ALICE);
        io.transfer(BOB, 100e18);
        vm.assertEq(io.getPastVotes(ALICE, 1_800_000_099), 1000e18);
        vm.assertEq(io.getVotes(ALICE), 900e18);
    }

    // --- IOSD ---

    function mintIosd(address to, uint256 amount) private {
        vm.prank(BURNER);
        iosd.mint(to, amount);
    }

    function test_movesBetweenHolderAndEscrowOnly() external {
        mintIosd(ALICE, 10);
        vm.prank(ALICE);
        iosd.transfer(ESCROW, 4);
        vm.prank(ESCROW);
        iosd.transfer(BOB, 1);
        vm.assertEq(iosd.balanceOf(ALICE), 6);
        vm.assertEq(iosd.balanceOf(ESCROW), 3);
        vm.prank(ALICE);
        vm.expectRevert(abi.encodeWithSelector(IIOSD.TransferRestricted.selector, ALICE, BOB, ESCROW));
        iosd.transfer(BOB, 1);
    }

    function test_anAllowanceOpensNoOtherWay() external {
        mintIosd(ALICE, 10);
        vm.prank(ALICE);
        iosd.approve(BOB, 10);
        vm.prank(BOB);
        vm.expectRevert(abi.encodeWithSelector(IIOSD.TransferRestricted.selector, ALICE, BOB, ESCROW));
        iosd.transferFrom(ALICE, BOB, 1);
    }

    function test_permitsOfBothTokensStartAtTheFirstNonce() external view {
        vm.assertEq(io.nonces(ALICE), 0);
        vm.assertEq(iosd.nonces(ALICE), 0);
    }

    function test_withoutAnEscrowNothingMoves() external {
        iosd = IIOSD(vm.deployCode("IOSD.sol:IOSD", abi.encode(BURNER, address(0))));
        mintIosd(ALICE, 10);
        vm.prank(ALICE);
        vm.expectRevert(abi.encodeWithSelector(IIOSD.TransferRestricted.selector, ALICE, BOB, address(0)));
        iosd.transfer(BOB, 1);
        vm.prank(ALICE);
        vm.expectRevert(abi.encodeWithSelector(IERC20Errors.ERC20InvalidReceiver.selector, address(0)));
        iosd.transfer(address(0), 1);
    }

    function test_theEscrowSpendsItsOwnBalance() external {
        mintIosd(ESCROW, 10);
        vm.prank(ESCROW);
        iosd.spend(4);
        vm.assertEq(iosd.totalSupply(), 6);
        vm.prank(ESCROW);
        vm.expectRevert(abi.encodeWithSelector(IERC20Errors.ERC20InsufficientBalance.selector, ESCROW, 6, 7));
        iosd.spend(7);
    }

    function testFuzz_onlyBurnerMintsAndOnlyEscrowSpends(address caller) external {
        vm.assume(caller != BURNER && caller != ESCROW);
        vm.prank(caller);
        vm.expectRevert(abi.encodeWithSelector(IIOSD.Unauthorized.selector, caller, BURNER));
        iosd.mint(caller, 1);
        vm.prank(caller);
        vm.expectRevert(abi.encodeWithSelector(IIOSD.Unauthorized.selector, caller, ESCROW));
        iosd.spend(0);
    }
}
